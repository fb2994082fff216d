//! What MetroSOC tells about itself: structured log lines, `/metrics`, and OTLP traces and metrics when configured.

mod kept;

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_opentelemetry::Recorder as OtlpRecorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::FanoutBuilder;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, Telemetry};
use kept::Kept;

/// Our own crates, whose spans are the traces: what the libraries below them do is no step of ours.
const TRACED: [&str; 7] = ["metrosoc", "collector", "detector", "policy", "pki", "responder", "ledger"];

/// What must live as long as the program, so that the last spans and metrics leave at the end.
pub struct Running {
    /// Renders `/metrics`.
    pub prometheus: PrometheusHandle,
    tracer: Option<SdkTracerProvider>,
    meter: Option<SdkMeterProvider>,
}

/// Starts logging to standard error, the metrics recorder and, when an endpoint is configured, OTLP.
///
/// # Errors
/// When the filter or the endpoint cannot be used, or telemetry was started before.
pub fn start(settings: &Telemetry) -> anyhow::Result<Running> {
    let tracer = tracer(settings)?;
    let filter: EnvFilter = settings.log.parse().context("telemetry.log")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // Traces leave whatever the level of the log lines is.
    let traced = Targets::new().with_targets(TRACED.map(|name| (name, Level::DEBUG)));
    let spans = tracer
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("metrosoc")).with_filter(traced));
    let lines = lines.with_filter(filter);
    tracing_subscriber::registry().with(lines).with(spans).try_init().context("starting the log")?;
    let (prometheus, meter) = recorders(settings)?;
    Ok(Running { prometheus, tracer, meter })
}

/// Log lines alone, warnings and worse: for commands that end by themselves.
pub fn start_quiet() {
    let filter = EnvFilter::try_from_env("METROSOC_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).without_time();
    // A second start within one process (tests) keeps the first subscriber, which is what is wanted.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

impl Running {
    /// Sends what is left and stops.
    pub fn stop(self) {
        if let Some(tracer) = self.tracer
            && let Err(error) = tracer.shutdown()
        {
            tracing::warn!(%error, "last spans were not sent");
        }
        if let Some(meter) = self.meter
            && let Err(error) = meter.shutdown()
        {
            tracing::warn!(%error, "last metrics were not sent");
        }
    }
}

fn resource() -> Resource {
    Resource::builder().with_service_name("metrosoc").build()
}

fn tracer(settings: &Telemetry) -> anyhow::Result<Option<SdkTracerProvider>> {
    if settings.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", settings.otlp_endpoint.trim_end_matches('/')))
        .build()
        .context("telemetry.otlp_endpoint")?;
    Ok(Some(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build()))
}

fn recorders(settings: &Telemetry) -> anyhow::Result<(PrometheusHandle, Option<SdkMeterProvider>)> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    if settings.otlp_endpoint.is_empty() {
        metrics::set_global_recorder(recorder).ok().context("starting metrics")?;
        return Ok((handle, None));
    }
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", settings.otlp_endpoint.trim_end_matches('/')))
        .build()
        .context("telemetry.otlp_endpoint")?;
    let interval = Duration::from_secs(settings.otlp_interval_secs);
    let reader = PeriodicReader::builder(exporter).with_interval(interval).build();
    let (provider, otlp) = OtlpRecorder::builder("metrosoc")
        .with_meter_provider(|builder| builder.with_resource(resource()).with_reader(reader))
        .build();
    let both = FanoutBuilder::default().add_recorder(recorder).add_recorder(Kept::new(otlp)).build();
    metrics::set_global_recorder(both).ok().context("starting metrics")?;
    Ok((handle, Some(provider)))
}
