//! Inputs as people have them: arrays of NumPy and images. What they hold is told by what the same numbers in CSV are
//! committed to.

use std::fmt::Write;
use std::path::Path;

use png::{BitDepth, ColorType};
use serde_json::Value;

#[allow(dead_code, reason = "token ids are for language models")]
mod author;
mod tiny;

use author::User;

fn digits(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
    folder.join(name).to_string_lossy().into_owned()
}

/// A file of `.npy` of floats.
fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let len = (header.len() as u16).to_le_bytes();
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), &data].concat()
}

fn image(size: u32, color: ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, size, size);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(pixels).expect("pixels");
    writer.finish().expect("image");
    bytes
}

fn csv(rows: &[Vec<f32>]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        writeln!(text, "{}", cells.join(",")).expect("text");
    }
    text
}

/// The same commitment as that of rows in CSV, which the file is named after.
fn committed(user: &User, given: &[&str], rows: &[Vec<f32>]) {
    user.write("rows.csv", csv(rows).as_bytes());
    let commit = ["input", "commit", "m"];
    let force = ["--force", "-o"];
    let first = user.accepted(
        &[
            &commit[..],
            &["--input", "rows.csv"],
            &force,
            &["csv.input"],
        ]
        .concat(),
    );
    let salt = ["--salt-from", "csv.input"];
    let second = user.accepted(&[&commit[..], given, &salt, &force, &["other.input"]].concat());
    assert_eq!(
        first["input_commitment"], second["input_commitment"],
        "{given:?}"
    );
}

#[test]
fn arrays_and_images_are_inputs() {
    let user = User::new();
    let text = std::fs::read_to_string(digits("calibration.csv")).expect("rows");
    let numbers = text.lines().skip(1).flat_map(|line| line.split(','));
    let numbers: Vec<f32> = numbers
        .map(|cell| cell.parse().expect("a number"))
        .collect();
    user.write(
        "calibration.npy",
        &npy(&format!("({}, 1, 8, 8)", numbers.len() / 64), &numbers),
    );
    let compile = ["compile", &digits("digits.onnx"), "--batch", "2"];
    let of = |calibration: &str| -> Value {
        let report =
            user.accepted(&[&compile[..], &["--calibration", calibration, "-o", "m"]].concat());
        report["program_digest"].clone()
    };
    assert_eq!(of("calibration.npy"), of(&digits("calibration.csv")));

    // Fifths, which 8 bits and CSV tell exactly.
    let fifths = |at: usize| [0u8, 1, 2, 3, 4, 5][at * 7 % 6];
    let pixels: Vec<u8> = (0..64).map(|at| fifths(at) * 51).collect();
    let row: Vec<f32> = (0..64).map(|at| f32::from(fifths(at)) / 5.0).collect();
    user.write("a.png", &image(8, ColorType::Grayscale, &pixels));
    user.write("row.npy", &npy("(1, 8, 8)", &row));
    user.write("flat.npy", &npy("(64,)", &row));
    let dark: Vec<f32> = row.iter().map(|p| (p - 0.5) / 2.0).collect();
    for (given, rows) in [
        (&["--input", "row.npy"][..], vec![row.clone()]),
        (&["--input", "flat.npy"], vec![row.clone()]),
        (&["--image", "a.png"], vec![row.clone()]),
        (
            &["--image", "a.png", "a.png"],
            vec![row.clone(), row.clone()],
        ),
        (
            &["--image", "a.png", "--mean", "0.5", "--scale", "1/2"],
            vec![dark],
        ),
    ] {
        committed(&user, given, &rows);
    }

    user.write("large.png", &image(9, ColorType::Grayscale, &[0; 81]));
    user.write("colours.png", &image(8, ColorType::Rgb, &[0; 192]));
    user.write("wide.npy", &npy("(2, 65)", &[0.0; 130]));
    let commit = ["input", "commit", "m", "-o", "refused.input"];
    for (given, expected) in [
        (
            &["--image", "large.png"][..],
            "an image of 9 × 9 pixels, grey (1 channel); the model takes 8 × 8 pixels",
        ),
        (
            &["--image", "colours.png"],
            "RGB (3 channels); the model takes 8 × 8 pixels, grey (1 channel)",
        ),
        (&["--image", "rows.csv"], "not a PNG image"),
        (
            &["--image", "a.png", "--mean", "1,2"],
            "--mean has 2 numbers",
        ),
        (&["--image", "a.png", "a.png", "a.png"], "3"),
        (&["--input", "a.png"], "take images with --image"),
        (
            &["--input", "wide.npy"],
            "an array of shape [2, 65], expected (rows, …) with 64 numbers",
        ),
    ] {
        user.refused(&[&commit[..], given].concat(), &[expected]);
        assert!(!user.path("refused.input").exists());
    }

    // Down to a proof of the image.
    user.accepted(&["commit", "m", "--dev-srs"]);
    let prove = [
        "prove",
        "m",
        "--dev-srs",
        "--image",
        "a.png",
        "--folded-only",
        "a.folded",
    ];
    let proven = user.accepted(&prove);
    assert_eq!(proven["output"].as_array().expect("rows").len(), 2);
}
