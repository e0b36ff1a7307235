//! `laminate bench kernels`: the arithmetic kernels beside the machine's memory.

use clap::Args;
use laminate_prover::kernels::bench::{self, KernelFigure};
use serde::Serialize;

use crate::output::Output;

/// Measure the arithmetic kernels; about a minute.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate bench kernels --json\n\nThe share is of the bytes a second that all threads read together from memory: a kernel that does\nnothing but pass over its data once has 100 %."
)]
pub struct Kernels {}

/// What `bench kernels` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// Bytes a second that all threads read together from memory.
    memory_bytes_per_second: f64,
    threads: usize,
    kernels: Vec<Figure>,
}

/// One kernel.
#[derive(Debug, Serialize)]
struct Figure {
    kernel: String,
    elements: usize,
    /// Bytes of input and output that must be touched once.
    bytes: usize,
    seconds: f64,
    nanoseconds_per_element: f64,
    bytes_per_second: f64,
    /// Bytes a second over those of memory.
    memory_share: f64,
    /// Seconds of the reference over seconds of the kernel, where it was measured.
    speedup: Option<f64>,
}

impl Figure {
    fn new(figure: KernelFigure, bandwidth: f64) -> Self {
        let bytes_per_second = figure.bytes as f64 / figure.seconds;
        Self {
            elements: figure.elements,
            bytes: figure.bytes,
            seconds: figure.seconds,
            nanoseconds_per_element: 1e9 * figure.seconds / figure.elements as f64,
            bytes_per_second,
            memory_share: bytes_per_second / bandwidth,
            speedup: figure.reference_seconds.map(|r| r / figure.seconds),
            kernel: figure.name,
        }
    }
}

impl Kernels {
    /// Runs the command.
    ///
    /// # Errors
    /// If the report cannot be written.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let _stage = out.stage("Measuring memory and kernels");
        let bandwidth = bench::memory_bandwidth();
        let figures = bench::run();
        let report = Report {
            memory_bytes_per_second: bandwidth,
            threads: figures.first().map_or(0, |f| f.threads),
            kernels: figures
                .into_iter()
                .map(|f| Figure::new(f, bandwidth))
                .collect(),
        };
        out.result(&human(&report), &report)
    }
}

fn human(report: &Report) -> String {
    let header = ["kernel", "ns/element", "GB/s", "of memory", "reference"];
    let mut table = crate::table::new(&header);
    for f in &report.kernels {
        table.add_row(vec![
            f.kernel.clone(),
            format!("{:.3}", f.nanoseconds_per_element),
            format!("{:.2}", f.bytes_per_second / 1e9),
            format!("{:.1} %", 100.0 * f.memory_share),
            f.speedup.map_or_else(String::new, |s| format!("x {s:.1}")),
        ]);
    }
    format!(
        "{table}\nmemory {:.2} GB/s, {} threads; \"reference\" is how much slower the plain kernel is",
        report.memory_bytes_per_second / 1e9,
        report.threads
    )
}
