//! Memory over time, asked for in a thread beside the work.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::measure::{resident_bytes, since_start};

/// Time between the first samples.
const INTERVAL: Duration = Duration::from_millis(20);
/// Most samples that are kept: with twice as many every second one goes, and the interval doubles.
const KEPT: usize = 400;

/// A running thread; it ends with this value.
#[derive(Debug)]
pub struct Sampler {
    /// Dropped to stop it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Samples>>,
}

/// Samples in order of time.
#[derive(Debug)]
struct Samples {
    rows: Vec<(f64, u64)>,
    interval: Duration,
}

impl Samples {
    fn push(&mut self, sample: (f64, u64)) {
        self.rows.push(sample);
        if self.rows.len() >= 2 * KEPT {
            let mut index = 0;
            self.rows.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval = self.interval.saturating_mul(2);
        }
    }
}

fn sample() -> (f64, u64) {
    // Milliseconds, as nothing is drawn finer.
    ((since_start() * 1e3).round() / 1e3, resident_bytes())
}

impl Sampler {
    /// Begins.
    pub fn begin() -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let mut samples = Samples {
                rows: vec![sample()],
                interval: INTERVAL,
            };
            while stopped.recv_timeout(samples.interval) == Err(RecvTimeoutError::Timeout) {
                samples.push(sample());
            }
            samples.push(sample());
            samples
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Ends; the samples, none where the system does not tell.
    pub fn end(mut self) -> Vec<(f64, u64)> {
        drop(self.stop.take());
        let samples = self.thread.take().and_then(|thread| thread.join().ok());
        let rows = samples.map(|samples| samples.rows).unwrap_or_default();
        match rows.iter().any(|(_, bytes)| *bytes > 0) {
            true => rows,
            false => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_few_and_in_order() {
        let mut samples = Samples {
            rows: vec![],
            interval: INTERVAL,
        };
        for at in 0..100_000 {
            samples.push((f64::from(at), 1));
        }
        assert!((KEPT..2 * KEPT).contains(&samples.rows.len()));
        assert!(samples.rows.is_sorted());
        assert_eq!(samples.rows.first(), Some(&(0.0, 1)));
        assert!(samples.interval > INTERVAL);
        let sampler = Sampler::begin();
        let rows = sampler.end();
        // None where the system does not tell; else at least begin and end.
        assert!(rows.is_empty() || rows.len() >= 2, "{rows:?}");
        assert!(rows.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
