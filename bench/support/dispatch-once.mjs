/** A request through a dispatcher with the leanest handler: collects the body, resolves with its text. */
export function dispatchOnce(dispatcher, options) {
  return new Promise((resolve, reject) => {
    let text = '';
    dispatcher.dispatch(options, {
      onConnect() {},
      onHeaders: () => true,
      onData(chunk) {
        text += chunk.latin1Slice();
        return true;
      },
      onComplete: () => resolve(text),
      onError: reject,
    });
  });
}
