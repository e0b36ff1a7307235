//! Time and memory of stages.

use std::cell::RefCell;
use std::sync::LazyLock;
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
    /// Whether it is a part of the whole stage before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
    /// When it ran: seconds of begin and end on the clock of [`since_start`]. A part has more of them than one if it came up
    /// again.
    #[serde(skip)]
    pub spans: Vec<[f64; 2]>,
}

/// Divides a stage into parts as it runs; a part may come up several times.
#[derive(Debug)]
pub struct Parts {
    state: RefCell<(Option<&'static str>, Instant, Vec<Measured>)>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            state: RefCell::new((None, Instant::now(), vec![])),
        }
    }
}

impl Parts {
    /// A part begins, the one before ends.
    pub fn begin(&self, part: &'static str) {
        self.step(Some(part));
    }

    fn step(&self, next: Option<&'static str>) {
        let (running, since, rows) = &mut *self.state.borrow_mut();
        if let Some(stage) = *running {
            let seconds = since.elapsed().as_secs_f64();
            let span = span(*since);
            let peak_bytes = peak_bytes();
            match rows.iter_mut().find(|r| r.stage == stage) {
                Some(row) => {
                    row.seconds += seconds;
                    row.peak_bytes = peak_bytes;
                    row.spans.push(span);
                }
                None => rows.push(Measured {
                    stage: stage.into(),
                    seconds,
                    peak_bytes,
                    bytes: None,
                    part: true,
                    spans: vec![span],
                }),
            }
        }
        (*running, *since) = (next, Instant::now());
    }

    /// The parts, the last one ended.
    pub fn rows(self) -> Vec<Measured> {
        self.step(None);
        self.state.into_inner().2
    }
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
            part: false,
            spans: vec![span(start)],
        });
        Ok(value)
    }
}

/// When this was first asked, which is when the command began.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Seconds since the first call.
pub fn since_start() -> f64 {
    START.elapsed().as_secs_f64()
}

/// From `begin` until now, on the clock of [`since_start`].
fn span(begin: Instant) -> [f64; 2] {
    let end = since_start();
    [begin.saturating_duration_since(*START).as_secs_f64(), end]
}

/// Stages as a table for people.
pub fn table(rows: &[Measured]) -> comfy_table::Table {
    let mut table = crate::table::new(&["stage", "seconds", "peak memory", "size"]);
    for row in rows {
        let indent = if row.part { "  " } else { "" };
        table.add_row(vec![
            format!("{indent}{}", row.stage),
            format!("{:.2}", row.seconds),
            size(row.peak_bytes),
            row.bytes.map(size).unwrap_or_default(),
        ]);
    }
    table
}

/// Makes [`peak_bytes`] begin anew at the memory in use, where the system allows it (Linux).
pub fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Peak resident memory of this process; zero where the system does not tell.
pub fn peak_bytes() -> u64 {
    memory("VmHWM:")
}

/// Resident memory of this process now; zero where the system does not tell.
pub fn resident_bytes() -> u64 {
    memory("VmRSS:")
}

fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(field));
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
