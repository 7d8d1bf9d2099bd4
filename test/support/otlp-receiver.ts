/** A collector, as far as tests need one: takes OTLP over HTTP as JSON, and has what it was sent as plain data. */
import { readBody, startServer, type Running } from './http-server.ts';

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean; arrayValue?: unknown };
type KeyValue = { key: string; value: Value };

interface TracesOnWire {
  resourceSpans: { resource: { attributes: KeyValue[] }; scopeSpans: { scope: { name: string }; spans: SpanOnWire[] }[] }[];
}
interface SpanOnWire {
  name: string; traceId: string; spanId: string; parentSpanId?: string; kind: number; startTimeUnixNano: string; endTimeUnixNano: string;
  status?: { code?: number; message?: string }; attributes?: KeyValue[]; events?: { name: string; attributes?: KeyValue[] }[];
}
type Points = { dataPoints: { attributes?: KeyValue[]; count?: number | string; sum?: number; explicitBounds?: number[] }[] };
interface MetricsOnWire {
  resourceMetrics: { scopeMetrics: { scope: { name: string }; metrics: ({ name: string; unit: string } & { [Kind in ReceivedMetric['kind']]?: Points })[] }[] }[];
}

export interface ReceivedSpan {
  readonly service: unknown;
  readonly scope: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: a root. */
  readonly parent: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly message: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
}

export interface ReceivedMetric {
  readonly scope: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: 'histogram' | 'sum' | 'gauge';
  readonly points: readonly { readonly attributes: Readonly<Record<string, unknown>>; readonly count: number | undefined; readonly sum: number | undefined; readonly bounds: readonly number[] | undefined }[];
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** The last of each name. */
  readonly metrics = new Map<string, ReceivedMetric>();
  readonly #server: Running;

  private constructor(server: Running) {
    this.#server = server;
  }

  static async start(): Promise<OtlpReceiver> {
    const server = await startServer((request, response) => {
      void readBody(request).then((text) => {
        if (request.url === '/v1/traces') receiver.#traces(JSON.parse(text) as TracesOnWire);
        if (request.url === '/v1/metrics') receiver.#metrics(JSON.parse(text) as MetricsOnWire);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    const receiver = new OtlpReceiver(server);
    return receiver;
  }

  /** By which an SDK finds it. */
  get environment(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.#server.origin, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'none', OTEL_NODE_RESOURCE_DETECTORS: 'env',
    };
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #traces({ resourceSpans }: TracesOnWire): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            service: plain(resource.attributes)['service.name'], scope: scope.name, name: span.name, traceId: span.traceId, spanId: span.spanId, parent: span.parentSpanId ?? '', kind: span.kind,
            start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano), status: span.status?.code ?? 0, message: span.status?.message, attributes: plain(span.attributes),
            events: (span.events ?? []).map((event) => ({ name: event.name, attributes: plain(event.attributes) })),
          });
        }
      }
    }
  }

  #metrics({ resourceMetrics }: MetricsOnWire): void {
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { scope, metrics } of scopeMetrics) {
        for (const metric of metrics) {
          const kind = metric.histogram !== undefined ? 'histogram' : metric.sum !== undefined ? 'sum' : 'gauge';
          const points = metric[kind]!.dataPoints.map((point) => ({ attributes: plain(point.attributes), count: point.count === undefined ? undefined : Number(point.count), sum: point.sum, bounds: point.explicitBounds }));
          this.metrics.set(metric.name, { scope: scope.name, name: metric.name, unit: metric.unit, kind, points });
        }
      }
    }
  }
}

function plain(attributes: readonly KeyValue[] | undefined): Record<string, unknown> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, value.stringValue ?? (value.intValue === undefined ? undefined : Number(value.intValue)) ?? value.doubleValue ?? value.boolValue ?? value.arrayValue]));
}
