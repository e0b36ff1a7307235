//! `--input` and `--image`: what a proof is of, as users have it.

use std::path::PathBuf;

use clap::Args;
use eyre::{Context, ensure};
use laminate_front::quant;
use laminate_front::rows::png::{self, Scaling};
use laminate_front::trees::program::takes_keys;
use laminate_model::program::Program;
use laminate_prover::input::Input;

use crate::input::{self, Given};

/// The input of a proof or a commitment.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Rows (CSV, JSON, .npy or .npz), at most the batch; unused slots repeat the last row. For language models the tokens that
    /// `laminate generate -o` writes. `prove` also takes what `laminate input commit` made of either: the proof then
    /// states its commitment.
    #[arg(long, value_name = "FILE", required_unless_present = "image")]
    pub input: Option<PathBuf>,
    /// PNG images for a model that takes images, one a row. They must have the model's size and channels: nothing is
    /// resized. A pixel p from 0 to 1 becomes (p - mean)·scale.
    #[arg(long, value_name = "FILE", conflicts_with = "input", num_args = 1..)]
    pub image: Vec<PathBuf>,
    /// Subtracted from pixels: one number, or one for each channel [default: 0].
    #[arg(
        long,
        requires = "image",
        value_delimiter = ',',
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub mean: Vec<f64>,
    /// What that is multiplied by: one number, or one for each channel; torchvision's Normalize(mean, std) has 1/std, which
    /// may be written so: 1/0.229,1/0.224,1/0.225 [default: 1].
    #[arg(
        long,
        requires = "image",
        value_delimiter = ',',
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub scale: Vec<f64>,
}

/// A number, or a fraction of two.
fn number(text: &str) -> Result<f64, String> {
    let one = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    let found = match text.split_once('/') {
        Some((above, below)) => one(above).zip(one(below)).map(|(a, b)| a / b),
        None => one(text),
    };
    found.filter(|v| v.is_finite()).ok_or_else(|| {
        format!("{text:?} is no finite number and no fraction of two such as 1/0.229")
    })
}

impl InputArgs {
    /// The file that errors are about.
    pub fn name(&self) -> String {
        let file = self.input.as_ref().or(self.image.first());
        file.map_or_else(String::new, |file| file.display().to_string())
    }

    /// The input, or one that was committed to before.
    ///
    /// # Errors
    /// As [`Given::read`], and images that the model does not take.
    pub fn read(&self, program: &Program) -> eyre::Result<Given> {
        match &self.input {
            Some(path) => Given::read(path, program),
            None => Ok(Given::fresh(self.images(program)?)),
        }
    }

    /// The input, which no commitment was made of.
    ///
    /// # Errors
    /// As [`Self::read`], and a file that Laminate wrote.
    pub fn values(&self, program: &Program) -> eyre::Result<Input> {
        let Some(path) = &self.input else {
            return self.images(program);
        };
        ensure!(
            !input::is_artifact(path)?,
            "{} is a Laminate file, expected rows or tokens; `laminate input show` tells what it is committed to",
            path.display()
        );
        input::read_values(path, program)
    }

    /// Images as rows of integers.
    fn images(&self, program: &Program) -> eyre::Result<Input> {
        ensure!(
            program.sequence.is_none() && !takes_keys(program),
            "--image is for models that take images; {} takes {}: give --input",
            program.name,
            if program.sequence.is_some() {
                "tokens"
            } else {
                "columns of a table"
            }
        );
        let axes = program
            .tensors
            .get(program.input)
            .map(|t| t.axes.as_slice());
        let axes = axes.unwrap_or_default().iter().map(|n| *n as usize);
        let axes: Vec<usize> = axes.collect();
        let or = |given: &[f64], default: Vec<f64>| match given {
            [] => default,
            given => given.to_vec(),
        };
        let plain = Scaling::default();
        let scaling = Scaling {
            mean: or(&self.mean, plain.mean),
            scale: or(&self.scale, plain.scale),
        };
        let rows = self
            .image
            .iter()
            .map(|path| png::read(path, &axes, &scaling));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let rows = quant::quantise_input(program, &rows);
        Ok(Input::Rows(rows.wrap_err_with(|| self.name())?))
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_and_fractions() {
        for (text, expected) in [("0.5", 0.5), ("-2", -2.0), ("1/4", 0.25), ("1 / 0.5", 2.0)] {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        for text in ["", "x", "1/0", "nan", "inf", "1/2/3"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
