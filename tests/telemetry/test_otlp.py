"""Spans and metrics as they leave the process: protobuf over HTTP, received on a socket and decoded."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from pixroute.testing import run_virtual
from pixroute_otel.observer import OtelObserver

KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


@pytest.fixture
def collector():
    """A collector on a port of its own: what was sent, decoded, and its URL."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.append(KINDS[self.path].FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield received, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_collector_receives_the_trace_and_the_metrics(collector, scenes):
    """The request's span, its two attempts below it in one trace, and a counter of requests."""
    received, url = collector
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=3_600_000)
    meters = MeterProvider(metric_readers=[reader])

    run_virtual(scenes["fallback"].play(OtelObserver(tracer_provider=tracers, meter_provider=meters)))
    tracers.shutdown()
    meters.shutdown()

    traces = [each for each in received if isinstance(each, ExportTraceServiceRequest)]
    spans = [
        span for each in traces for one in each.resource_spans for scope in one.scope_spans for span in scope.spans
    ]
    request = next(span for span in spans if span.name == "generate_content fake-1")
    metrics = {
        metric.name: metric
        for each in received
        if isinstance(each, ExportMetricsServiceRequest)
        for one in each.resource_metrics
        for scope in one.scope_metrics
        for metric in scope.metrics
    }
    assert len(spans) == 3
    assert {span.trace_id for span in spans} == {request.trace_id}
    assert {span.parent_span_id for span in spans if span is not request} == {request.span_id}
    assert {one.key: one.value.string_value for one in request.attributes}["gen_ai.output.type"] == "image"
    (point,) = metrics["pixroute.requests"].sum.data_points
    assert point.as_int == 1
    assert list(metrics["gen_ai.client.operation.duration"].histogram.data_points[0].explicit_bounds)[-1] == 600
