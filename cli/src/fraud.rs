//! The fraud model, as `models/fraud` of the repository has it: in the binary, so that `demo` and `bench` run anywhere.

use std::path::Path;

use crate::files::write_bytes;

/// The model.
pub const MODEL: &str = "fraud.onnx";
/// Rows to calibrate it with.
pub const CALIBRATION: &str = "calibration.csv";
/// Payments to prove in a batch.
pub const SAMPLES: &str = "samples.csv";

const FILES: [(&str, &[u8]); 5] = [
    (MODEL, include_bytes!("../../models/fraud/fraud.onnx")),
    (
        CALIBRATION,
        include_bytes!("../../models/fraud/calibration.csv"),
    ),
    ("fraud.csv", include_bytes!("../../models/fraud/fraud.csv")),
    ("legit.csv", include_bytes!("../../models/fraud/legit.csv")),
    (SAMPLES, include_bytes!("../../models/fraud/samples.csv")),
];

/// Writes its files into a new folder.
///
/// # Errors
/// If the folder is there, or a file cannot be written.
pub fn write(folder: &Path) -> eyre::Result<()> {
    write_files(folder, &FILES)
}

/// Writes files into a new folder.
///
/// # Errors
/// If the folder is there, or a file cannot be written.
pub fn write_files(folder: &Path, files: &[(&str, &[u8])]) -> eyre::Result<()> {
    std::fs::create_dir(folder)?;
    for (name, bytes) in files {
        write_bytes(&folder.join(name), bytes, false)?;
    }
    Ok(())
}
