//! Counts in the text format of OpenMetrics, which Prometheus reads.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::job::State;
use super::store::Store;
use crate::measure::{peak_bytes, resident_bytes};

/// Content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    states: Family<Labels, Counter>,
    jobs: Family<Labels, Gauge>,
    requests: Family<Labels, Counter>,
    proving: Histogram,
    connections: Gauge,
    resident: Gauge<u64, AtomicU64>,
    peak: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("laminate"),
            states: Family::default(),
            jobs: Family::default(),
            requests: Family::default(),
            // A small model takes seconds, a large one hours.
            proving: Histogram::new(exponential_buckets(0.5, 2.0, 16)),
            connections: Gauge::default(),
            resident: Gauge::default(),
            peak: Gauge::default(),
        };
        let to = &mut metrics.registry;
        let clone = metrics.states.clone();
        to.register("job_changes", "Jobs that came into a state", clone);
        to.register("jobs", "Jobs in a state", metrics.jobs.clone());
        let clone = metrics.requests.clone();
        to.register("http_requests", "Requests answered", clone);
        let clone = metrics.proving.clone();
        to.register_with_unit("proving", "Time of a proof", Unit::Seconds, clone);
        let clone = metrics.connections.clone();
        to.register("http_connections", "Open connections", clone);
        let clone = metrics.resident.clone();
        to.register_with_unit("resident_memory", "Memory in use", Unit::Bytes, clone);
        let clone = metrics.peak.clone();
        to.register_with_unit("peak_memory", "Most memory so far", Unit::Bytes, clone);
        metrics
    }
}

impl Metrics {
    /// A job came into a state.
    pub fn state(&self, state: State) {
        let labels = vec![("state", state.name().to_owned())];
        self.states.get_or_create(&labels).inc();
    }

    /// A proof was made.
    pub fn proven(&self, took: Duration) {
        self.proving.observe(took.as_secs_f64());
    }

    /// A request was answered; `path` is that of the route.
    pub fn request(&self, method: &str, path: &str, status: u16) {
        let labels = vec![
            ("method", method.to_owned()),
            ("path", path.to_owned()),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
    }

    /// A connection began.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A connection ended.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// All of it.
    ///
    /// # Errors
    /// If jobs cannot be counted.
    pub fn text(&self, store: &Store) -> eyre::Result<String> {
        for (state, count) in store.counts()? {
            let labels = vec![("state", state.to_owned())];
            self.jobs.get_or_create(&labels).set(count);
        }
        self.resident.set(resident_bytes());
        self.peak.set(peak_bytes());
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
