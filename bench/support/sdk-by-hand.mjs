/**
 * The yardstick with the calls of the OpenTelemetry API that the mesh makes for one of its own that needs one attempt, written out by hand: the span of the call,
 * which the sampler is asked about, and where it is recorded that of the attempt; the context in the headers; both histograms. The same names and attributes.
 * What such calls cost with nothing around them is what telemetry costs at least.
 */
import { context, metrics, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { Pool } from 'undici';
import { startTelemetry } from './telemetry.mjs';

const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const intoList = { set: (headers, name, value) => headers.push(name, value) };

export function sdkByHand(ports, { share, withMetrics }) {
  startTelemetry({ share, withMetrics });
  const tracer = trace.getTracer('by-hand');
  const meter = metrics.getMeter('by-hand');
  const histogram = (name) => meter.createHistogram(name, { unit: 's', advice: { explicitBucketBoundaries: boundaries } });
  const [requestDuration, callDuration] = ['http.client.request.duration', 'inmesh.call.duration'].map(histogram);
  const pools = ports.map((port) => new Pool(`http://127.0.0.1:${port}`));
  let turn = 0;

  function attemptSpan(port, within) {
    const attributes = { 'http.request.method': 'GET', 'server.address': 'reviews', 'server.port': 80, 'url.full': 'http://reviews/reviews/1' };
    const span = tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes }, within);
    span.setAttribute('network.peer.address', '127.0.0.1');
    span.setAttribute('network.peer.port', port);
    return span;
  }

  function endSpans(call, attempt, statusCode) {
    attempt.setAttribute('http.response.status_code', statusCode);
    attempt.setAttribute('network.protocol.version', '1.1');
    attempt.end();
    call.setAttribute('inmesh.attempts', 1);
    call.setAttribute('inmesh.outcome', 'success');
    call.end();
  }

  function record(seconds, statusCode, within) {
    const request = { 'http.request.method': 'GET', 'http.response.status_code': statusCode, 'network.protocol.version': '1.1', 'server.address': 'reviews', 'server.port': 80 };
    requestDuration.record(seconds, request, within);
    callDuration.record(seconds, { 'inmesh.outcome': 'success', 'inmesh.service': 'reviews' }, within);
  }

  return {
    async request() {
      const begun = performance.now();
      const place = turn++ % pools.length;
      const parent = context.active();
      const call = tracer.startSpan('call reviews', { kind: SpanKind.INTERNAL, attributes: { 'inmesh.service': 'reviews' } }, parent);
      let within = trace.setSpan(parent, call);
      const attempt = call.isRecording() ? attemptSpan(ports[place], within) : undefined;
      if (attempt !== undefined) within = trace.setSpan(within, attempt);
      const headers = [];
      propagation.inject(within, headers, intoList);
      const { statusCode, body } = await pools[place].request({ path: '/reviews/1', method: 'GET', headers });
      await body.text();
      if (attempt !== undefined) endSpans(call, attempt, statusCode);
      if (withMetrics) record((performance.now() - begun) / 1000, statusCode, attempt === undefined ? ROOT_CONTEXT : within);
    },
    close: () => Promise.all(pools.map((pool) => pool.close())),
  };
}
