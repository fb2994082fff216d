"""Sends logs with OpenTelemetry's own SDK: over gRPC with a client certificate, over HTTP with a token.

usage: otlp_logs.py FOLDER GRPC_PORT HTTPS_PORT, where FOLDER holds roots.pem, SITE.pem, SITE.key.pem and token.
Prints, line by line, what every export came to.
"""

import logging
import sys
from pathlib import Path

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

SITE = "hcm-otlp"
TRACE = 0x5B8EFFF798038103D269B633813FC60C
SPAN = 0xEEE19B7EC3C1B174


class Told:
    """An exporter that prints what each export came to."""

    def __init__(self, name, inner):
        self.name, self.inner = name, inner

    def export(self, batch):
        result = self.inner.export(batch)
        print(f"{self.name} {result.name}", flush=True)
        return result

    def __getattr__(self, name):
        return getattr(self.inner, name)


def send(name, exporter, bodies):
    resource = Resource.create({"service.name": f"portal-{name}", "host.arch": "amd64"})
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(Told(name, exporter)))
    logger = provider.get_logger("auth", "1.2")
    for number, body in enumerate(bodies):
        logger.emit(
            LogRecord(
                timestamp=1_793_664_000_123_456_789 + number,
                trace_id=TRACE,
                span_id=SPAN,
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body=body,
                attributes={"client.address": "2001:db8::77", "number": number, "via": name},
            )
        )
    provider.shutdown()


def main():
    logging.basicConfig(level=logging.WARNING)
    folder, grpc_port, https_port = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    read = lambda name: (folder / name).read_bytes()
    bodies = [f"login failed number {number}" for number in range(20)] + [{"nested": {"key": "value"}}]
    identity = grpc.ssl_channel_credentials(read("roots.pem"), read(f"{SITE}.key.pem"), read(f"{SITE}.pem"))
    endpoint = f"https://localhost:{grpc_port}"
    send("grpc", GrpcExporter(endpoint=endpoint, credentials=identity, compression=grpc.Compression.Gzip), bodies)
    token = read("token").decode().strip()
    headers = {"authorization": f"Bearer {token}"}
    roots = grpc.ssl_channel_credentials(read("roots.pem"))
    named = headers | {"x-metrosoc-site": SITE}
    send("token", GrpcExporter(endpoint=endpoint, credentials=roots, headers=tuple(named.items())), bodies[:1])
    send("stranger", GrpcExporter(endpoint=endpoint, credentials=roots, timeout=5), bodies[:1])
    url = f"https://localhost:{https_port}/v1/logs"
    site = f"{url}?site={SITE}"
    roots = str(folder / "roots.pem")
    send("http", HttpExporter(endpoint=site, certificate_file=roots, headers=headers, compression=Compression.Gzip), bodies)
    send("nobody", HttpExporter(endpoint=url, certificate_file=roots, timeout=5), bodies[:1])


main()
