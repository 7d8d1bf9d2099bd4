/**
 * Node's emitter with types: of event names and what each carries. A listener that throws is reported as a process warning: a mistake in a dashboard must not
 * fail the request that it looks at.
 */
import { EventEmitter } from 'node:events';

export class TypedEvents<Events extends object> extends EventEmitter {
  override on<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => void): this {
    return super.on(name, listener);
  }

  override once<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => void): this {
    return super.once(name, listener);
  }

  override off<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => void): this {
    return super.off(name, listener);
  }

  override emit<Name extends keyof Events & string>(name: Name, event: Events[Name]): boolean {
    if (this.listenerCount(name) === 0) return false;
    for (const listener of this.rawListeners(name)) {
      try {
        listener.call(this, event);
      } catch (error) {
        process.emitWarning(`a listener of '${name}' threw: ${error instanceof Error ? error.message : String(error)}`, 'InmeshWarning');
      }
    }
    return true;
  }
}
