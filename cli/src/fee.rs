//! The fee model, as `models/fee` of the repository has it: in the binary, so that `demo` runs anywhere.

use std::path::Path;

use crate::fraud::write_files;

/// The model.
pub const MODEL: &str = "fee.onnx";
/// Rows to calibrate it with.
pub const CALIBRATION: &str = "calibration.csv";

const FILES: [(&str, &[u8]); 2] = [
    (MODEL, include_bytes!("../../models/fee/fee.onnx")),
    (
        CALIBRATION,
        include_bytes!("../../models/fee/calibration.csv"),
    ),
];

/// Writes its files into a new folder.
///
/// # Errors
/// If the folder is there, or a file cannot be written.
pub fn write(folder: &Path) -> eyre::Result<()> {
    write_files(folder, &FILES)
}
