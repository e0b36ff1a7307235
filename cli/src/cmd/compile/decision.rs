//! What a program gives in the place of a score, told in the integers that it compares.

use clap::ValueEnum;
use laminate_front::predict::{Predict, Score, Threshold};
use laminate_front::quant::Decides;
use laminate_model::program::Program;
use serde::{Deserialize, Serialize};

/// `--predict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PredictArg {
    /// Sums of leaves, logits.
    Margin,
    /// Probabilities, expectations.
    #[value(alias = "probability")]
    Response,
    /// Index of the class.
    Class,
}

impl From<PredictArg> for Predict {
    fn from(predict: PredictArg) -> Self {
        match predict {
            PredictArg::Margin => Self::Margin,
            PredictArg::Response => Self::Response,
            PredictArg::Class => Self::Class,
        }
    }
}

/// What an output decides.
#[derive(Debug, Serialize)]
pub struct DecisionReport {
    /// In words.
    pub what: String,
    /// The threshold, if it is by one.
    pub threshold: Option<ThresholdReport>,
    /// Of how many numbers it is the place of the largest, if it is.
    pub classes: Option<usize>,
}

/// A threshold as it was asked for, and as it is.
#[derive(Debug, Serialize)]
pub struct ThresholdReport {
    /// What was asked for, if that is known: a program does not say.
    pub asked: Option<f64>,
    /// What of: a probability or a value.
    pub of: Option<&'static str>,
    /// What is compared: a logit, a margin, or a value.
    pub compared: &'static str,
    /// The least integer of class 1.
    pub integer: i32,
    /// Its scale: it stands for `integer·2^-scale`.
    pub scale: i32,
    /// What it stands for; of a probability its logit.
    pub value: f64,
    /// The probability of that logit, if it is one.
    pub probability: Option<f64>,
}

impl ThresholdReport {
    /// Of the least `integer` of class 1.
    pub fn new(
        integer: i32,
        scale: i32,
        compared: &'static str,
        asked: Option<Threshold>,
        probability: impl Fn(f64) -> f64,
    ) -> Self {
        let value = f64::from(integer) * (-f64::from(scale)).exp2();
        let of = asked.map(|asked| asked.of);
        let is_probability = of == Some(Score::Probability);
        Self {
            asked: asked.map(|asked| asked.least),
            of: of.map(Score::name),
            compared,
            integer,
            scale,
            value,
            probability: is_probability.then(|| probability(value)),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        let Self {
            integer,
            scale,
            value,
            compared,
            ..
        } = self;
        let asked = match (self.asked, self.of) {
            (Some(asked), Some(of)) => format!("; asked for is a {of} of {asked}"),
            _ => String::new(),
        };
        let what = match self.probability {
            Some(probability) => format!("{value}, a probability of {probability}"),
            None => value.to_string(),
        };
        format!(
            "1 where the {compared} is at least {what} (integer {integer} of scale {scale}), else 0{asked}"
        )
    }
}

impl DecisionReport {
    /// Of a program over rows, which was compiled with a threshold if it is known; none if it gives scores.
    pub fn of(program: &Program, asked: Option<Threshold>) -> Option<Self> {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        Some(match Decides::of(program)? {
            Decides::Threshold { least, scale } => {
                let compared = match asked.map(|asked| asked.of) {
                    Some(Score::Probability) => "logit",
                    _ => "value",
                };
                let scale = scale.into();
                let threshold = ThresholdReport::new(least, scale, compared, asked, logistic);
                Self {
                    what: threshold.words(),
                    threshold: Some(threshold),
                    classes: None,
                }
            }
            Decides::Class { of } => Self {
                what: format!("the place of the largest of {of} numbers, the first of equal ones"),
                threshold: None,
                classes: Some(of),
            },
        })
    }
}
