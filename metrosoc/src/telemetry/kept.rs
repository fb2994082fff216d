//! A metrics recorder that hands out the same counter, gauge or histogram for the same name and labels.
//!
//! The OTLP recorder makes a new gauge, beginning at nought, each time somebody names one; a gauge that is incremented
//! by name would never leave one. Kept here, each is made once and goes on from where it was.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Most names with labels that are kept of a kind; those above are made anew each time.
const KEPT_MAX: usize = 10_000;

/// The recorder within, each of its instruments made once.
pub struct Kept<R> {
    inner: R,
    counters: RwLock<HashMap<Key, Counter>>,
    gauges: RwLock<HashMap<Key, Gauge>>,
    histograms: RwLock<HashMap<Key, Histogram>>,
}

impl<R> Kept<R> {
    /// Keeps what `inner` makes.
    pub fn new(inner: R) -> Self {
        Self { inner, counters: RwLock::default(), gauges: RwLock::default(), histograms: RwLock::default() }
    }
}

fn kept<T: Clone>(all: &RwLock<HashMap<Key, T>>, key: &Key, make: impl FnOnce() -> T) -> T {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return found.clone();
    }
    let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= KEPT_MAX && !all.contains_key(key) {
        return make();
    }
    all.entry(key.clone()).or_insert_with(make).clone()
}

impl<R: Recorder> Recorder for Kept<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        kept(&self.counters, key, || self.inner.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        kept(&self.gauges, key, || self.inner.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        kept(&self.histograms, key, || self.inner.register_histogram(key, metadata))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use metrics_exporter_opentelemetry::Recorder as Otlp;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
    use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
    use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};

    use super::*;

    /// Holds the gauges of the last sending.
    #[derive(Clone, Default)]
    struct Gauges(Arc<Mutex<Vec<f64>>>);

    impl PushMetricExporter for Gauges {
        async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
            let mut values = self.0.lock().unwrap();
            values.clear();
            for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
                let AggregatedMetrics::F64(MetricData::Gauge(gauge)) = metric.data() else { continue };
                values.extend(gauge.data_points().map(|point| point.value()));
            }
            values.sort_by(f64::total_cmp);
            Ok(())
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }

        fn temporality(&self) -> Temporality {
            Temporality::Cumulative
        }
    }

    #[test]
    fn what_is_incremented_by_name_goes_on_from_where_it_was() {
        let gauges = Gauges::default();
        let reader = PeriodicReader::builder(gauges.clone()).build();
        let (provider, otlp) = Otlp::builder("test").with_meter_provider(|builder| builder.with_reader(reader)).build();
        metrics::with_local_recorder(&Kept::new(otlp), || {
            for _ in 0..3 {
                metrics::gauge!("open", "transport" => "tcp").increment(1.0);
            }
            metrics::gauge!("open", "transport" => "tcp").decrement(1.0);
            metrics::gauge!("open", "transport" => "tls").increment(1.0);
        });
        provider.force_flush().unwrap();
        assert_eq!(*gauges.0.lock().unwrap(), [1.0, 2.0]);
    }
}
