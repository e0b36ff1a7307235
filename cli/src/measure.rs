//! Time and memory of stages.

use std::time::Instant;

use serde::Serialize;

/// What one stage took.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Stage name.
    pub stage: String,
    /// Wall time.
    pub seconds: f64,
    /// Peak resident memory of the process so far.
    pub peak_bytes: u64,
    /// Size of what the stage made, if it is a file or a proof.
    pub bytes: Option<u64>,
}

/// Collects stages.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// In order.
    pub rows: Vec<Measured>,
}

impl Stages {
    /// Runs and records a stage; `size` tells the size of its result.
    pub fn run<T>(
        &mut self,
        stage: impl Into<String>,
        work: impl FnOnce() -> eyre::Result<T>,
        size: impl FnOnce(&T) -> Option<u64>,
    ) -> eyre::Result<T> {
        let start = Instant::now();
        let value = work()?;
        self.rows.push(Measured {
            stage: stage.into(),
            seconds: start.elapsed().as_secs_f64(),
            peak_bytes: peak_bytes(),
            bytes: size(&value),
        });
        Ok(value)
    }
}

/// Peak resident memory of this process; zero where the system does not tell.
pub fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A byte count for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
