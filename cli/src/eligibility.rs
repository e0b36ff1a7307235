//! The eligibility model, as `models/eligibility` of the repository has it: in the binary, so that `demo` runs anywhere.

use std::path::Path;

use crate::fraud::write_files;

/// The model.
pub const MODEL: &str = "logistic.onnx";
/// Rows to calibrate it with.
pub const CALIBRATION: &str = "calibration.csv";
/// Somebody whom it finds eligible.
pub const ELIGIBLE: &str = "eligible.csv";
/// Somebody whom it does not.
pub const INELIGIBLE: &str = "ineligible.csv";

const FILES: [(&str, &[u8]); 4] = [
    (
        MODEL,
        include_bytes!("../../models/eligibility/logistic.onnx"),
    ),
    (
        CALIBRATION,
        include_bytes!("../../models/eligibility/calibration.csv"),
    ),
    (
        ELIGIBLE,
        include_bytes!("../../models/eligibility/eligible.csv"),
    ),
    (
        INELIGIBLE,
        include_bytes!("../../models/eligibility/ineligible.csv"),
    ),
];

/// Writes its files into a new folder.
///
/// # Errors
/// If the folder is there, or a file cannot be written.
pub fn write(folder: &Path) -> eyre::Result<()> {
    write_files(folder, &FILES)
}
