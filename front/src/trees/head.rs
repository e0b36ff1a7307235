//! What a program makes of its margins: the margins themselves, what the link function gives, or a class.
//!
//! A link function of one margin is a step function of an int32 ([`super::stairs`]), and so is a class that a threshold
//! decides: a second forest computes it exactly at every margin. What is rounded is its value alone, and a decision at a
//! threshold is never rounded away.

use laminate_model::ops::forest::Nodes;

use super::TreeError;
use super::ensemble::{Decision, Ensemble, Link};
use super::lower::Lowered;
use super::softmax;
use super::stairs::{self, Stairs};

/// Fraction bits of a probability.
pub const PROBABILITY: i8 = 14;
/// Probabilities of logistic functions stay this far inside 0 and 1, in units: a table of all steps then has 2^14 nodes.
const INSIDE: i32 = 3;
/// Intervals that the margins of all outputs are divided into where a response has no fixed unit.
const INTERVALS: usize = (1 << 14) - 8;
/// Most fraction bits of such a response.
const FRACTION: i32 = 30;

pub use crate::predict::{Predict, Score, Threshold};

/// What follows a forest of margins.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// Nothing.
    None,
    /// A step function of each margin.
    Stairs {
        /// Nodes of all step functions.
        nodes: Nodes,
        /// Steps through them.
        steps: u32,
        /// Bits of the output, 16 or 32.
        bits: u8,
        /// Fraction bits of the output.
        scale: i8,
    },
    /// The place of the greatest margin, the first of equal ones.
    Argmax,
    /// The softmax of logits that a step function makes of each margin.
    Softmax {
        /// Nodes of all step functions.
        nodes: Nodes,
        /// Steps through them.
        steps: u32,
        /// Fraction bits of a logit.
        scale: i8,
    },
}

/// A head, and what it costs in accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// What follows the margins.
    pub head: Head,
    /// What the program gives.
    pub predict: Predict,
    /// Largest difference of an output from the link function of the margin that the program computed.
    pub worst_error: f64,
    /// The same relative to it.
    pub worst_relative: f64,
    /// The output above which one output decides for the second class.
    pub threshold: Option<f64>,
    /// A threshold that was asked for.
    pub asked: Option<Asked>,
}

/// A threshold that was asked for: 1 from it on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// The threshold, and what of.
    pub threshold: Threshold,
    /// Whether it is on the margin rather than on what the link function makes of it.
    pub margin: bool,
    /// The least integer margin of class 1.
    pub least: i32,
}

impl Asked {
    /// Whether the one margin of a row reaches the threshold in floats.
    #[must_use]
    pub fn reached(&self, ensemble: &Ensemble, margin: f64) -> bool {
        let score = match self.margin {
            true => Some(margin),
            false => ensemble.predictions(&[margin]).first().copied(),
        };
        score.is_some_and(|score| score >= self.threshold.least)
    }

    /// Whether a prediction of the library does.
    #[must_use]
    pub fn reached_by_prediction(&self, ensemble: &Ensemble, prediction: f64) -> bool {
        let least = match self.margin {
            // The link function rises, so that a margin and its prediction are above together.
            true => ensemble
                .predictions(&[self.threshold.least])
                .first()
                .copied(),
            false => Some(self.threshold.least),
        };
        least.is_some_and(|least| prediction >= least)
    }
}

/// What a program gives if nothing else is asked for: what the library's `predict` does, or the class where that is a
/// softmax, and why.
#[must_use]
pub fn usual(ensemble: &Ensemble) -> (Predict, Option<&'static str>) {
    match (ensemble.predicts, ensemble.link) {
        (Predict::Response, Link::Softmax) if ensemble.decision == Decision::ArgMax => (
            Predict::Class,
            Some(
                "the library predicts a softmax, of which the program gives the class, which is exact (--predict response for probabilities)",
            ),
        ),
        (predict, _) => (predict, None),
    }
}

/// The head that gives `predict`.
///
/// # Errors
/// [`TreeError::Unsupported`] where the model has no such output.
pub fn head(ensemble: &Ensemble, lowered: &Lowered, predict: Predict) -> Result<Made, TreeError> {
    let margin = Made {
        head: Head::None,
        predict,
        worst_error: 0.0,
        worst_relative: 0.0,
        threshold: match ensemble.decision {
            Decision::Above(t) => Some(t),
            Decision::None | Decision::ArgMax => None,
        },
        asked: None,
    };
    match predict {
        Predict::Margin => Ok(margin),
        Predict::Class => class(ensemble, lowered),
        Predict::Response => Ok(response(ensemble, lowered)?.unwrap_or(margin)),
    }
}

/// The head that gives 1 where the response, or of [`Predict::Margin`] the margin, is at least `least`: exact at every
/// integer margin, since the link function rises.
///
/// # Errors
/// [`TreeError::Unsupported`] for several outputs, [`TreeError::Threshold`] where no row is above it, or every row is.
pub fn threshold(
    ensemble: &Ensemble,
    lowered: &Lowered,
    predict: Predict,
    least: f64,
) -> Result<Made, TreeError> {
    let [(low, high)] = lowered.ranges[..] else {
        return Err(unsupported(
            ensemble,
            "a threshold on several outputs",
            "give --predict class",
        ));
    };
    let probability = match (ensemble.link, ensemble.decision) {
        (Link::Logistic { .. }, _) => true,
        (Link::Identity, Decision::Above(t)) => t > 0.0,
        _ => false,
    };
    let of = match predict {
        Predict::Response if probability => Score::Probability,
        _ => Score::Value,
    };
    let asked = |at| Asked {
        threshold: Threshold { least, of },
        margin: predict == Predict::Margin,
        least: at,
    };
    let margin = |margin: i32| f64::from(margin) * (-f64::from(lowered.machine.fraction)).exp2();
    let reached = |at: i64| asked(0).reached(ensemble, margin(at as i32));
    let (mut below, mut above) = (i64::from(low), i64::from(high));
    if reached(below) || !reached(above) {
        let score = |at: i32| match predict {
            Predict::Margin => margin(at),
            _ => ensemble
                .predictions(&[margin(at)])
                .first()
                .copied()
                .unwrap_or(0.0),
        };
        return Err(TreeError::Threshold {
            threshold: least,
            lowest: score(low),
            highest: score(high),
        });
    }
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        match reached(middle) {
            true => above = middle,
            false => below = middle,
        }
    }
    let stairs = Stairs {
        bounds: vec![above as i32],
        values: vec![0, 1],
    };
    Ok(Made {
        asked: Some(asked(above as i32)),
        ..made(&[stairs], 16, 0, Predict::Class)
    })
}

fn unsupported(ensemble: &Ensemble, what: &str, remedy: &str) -> TreeError {
    TreeError::unsupported(ensemble.format, what, remedy)
}

/// The largest margin that is not above `t`.
fn floor(lowered: &Lowered, t: f64) -> i32 {
    // A cast saturates, as comparisons do.
    (t * f64::from(lowered.machine.fraction).exp2()).floor() as i32
}

fn made(stairs: &[Stairs], bits: u8, scale: i8, predict: Predict) -> Made {
    let (nodes, steps) = stairs::table(stairs);
    Made {
        head: Head::Stairs {
            nodes,
            steps,
            bits,
            scale,
        },
        predict,
        worst_error: 0.0,
        worst_relative: 0.0,
        threshold: None,
        asked: None,
    }
}

fn class(ensemble: &Ensemble, lowered: &Lowered) -> Result<Made, TreeError> {
    match ensemble.decision {
        Decision::None => Err(unsupported(
            ensemble,
            "the class of a model that is no classifier",
            "give --predict response or margin",
        )),
        Decision::ArgMax => Ok(Made {
            head: Head::Argmax,
            predict: Predict::Class,
            worst_error: 0.0,
            worst_relative: 0.0,
            threshold: None,
            asked: None,
        }),
        Decision::Above(t) => {
            let last = floor(lowered, t);
            let bounds: Vec<i32> = last.checked_add(1).into_iter().collect();
            let values = (0..=bounds.len() as i32).collect();
            Ok(made(&[Stairs { bounds, values }], 16, 0, Predict::Class))
        }
    }
}

/// The response; none where it is the margin.
fn response(ensemble: &Ensemble, lowered: &Lowered) -> Result<Option<Made>, TreeError> {
    let unit = (-f64::from(lowered.machine.fraction)).exp2();
    let exact = |margin: i32| -> f64 {
        let margin = [f64::from(margin) * unit];
        ensemble
            .predictions(&margin)
            .first()
            .copied()
            .unwrap_or(0.0)
    };
    match (ensemble.link, ensemble.decision) {
        (Link::Softmax, _) => Ok(Some(softmax(lowered))),
        (Link::Logistic { .. }, _) => Ok(Some(probability(ensemble, lowered, INSIDE, exact))),
        // Shares of votes are probabilities already.
        (Link::Identity, Decision::Above(t)) if t > 0.0 => {
            Ok(Some(probability(ensemble, lowered, 0, exact)))
        }
        (Link::Identity, _) => Ok(None),
        (Link::Exp | Link::SignedSquare | Link::Softplus | Link::Isolation { .. }, decision) => {
            let mut made = number(ensemble, lowered, exact)?;
            if let Decision::Above(t) = decision {
                // The value of an interval that the threshold parts is on neither side: classes are for that.
                made.threshold = ensemble.predictions(&[t]).first().copied();
            }
            Ok(Some(made))
        }
    }
}

/// Probabilities of several classes.
fn softmax(lowered: &Lowered) -> Made {
    let (stairs, scale) = softmax::logits(lowered);
    let (nodes, steps) = stairs::table(&stairs);
    Made {
        head: Head::Softmax {
            nodes,
            steps,
            scale,
        },
        predict: Predict::Response,
        worst_error: softmax::worst_error(stairs.len(), scale),
        // A probability of less than half a unit is zero.
        worst_relative: f64::INFINITY,
        threshold: None,
        asked: None,
    }
}

/// Probabilities of 14 fraction bits, at least `inside` units from 0 and 1; on the side of the threshold that the margin is on.
fn probability(
    ensemble: &Ensemble,
    lowered: &Lowered,
    inside: i32,
    exact: impl Fn(i32) -> f64,
) -> Made {
    let one = 1 << PROBABILITY;
    let units = |p: f64| (p * f64::from(one)).round_ties_even() as i32;
    let decides = match ensemble.decision {
        Decision::Above(t) => {
            let at = ensemble.predictions(&[t]).first().copied();
            Some((floor(lowered, t), units(at.unwrap_or(0.0))))
        }
        Decision::None | Decision::ArgMax => None,
    };
    let of = |margin: i32| {
        let value = units(exact(margin)).clamp(inside, one - inside);
        match decides {
            None => value,
            Some((last, most)) if margin <= last => value.min(most),
            Some((_, most)) => value.max(most + 1),
        }
    };
    let stairs: Vec<Stairs> = lowered
        .ranges
        .iter()
        .map(|range| Stairs::rising(*range, of))
        .collect();
    let unit = f64::from(one).recip();
    let errors = stairs.iter().zip(&lowered.ranges);
    let errors = errors.map(|(stairs, range)| stairs.error(*range, unit, &exact));
    let [worst_error, worst_relative] = worst(errors);
    Made {
        worst_error,
        worst_relative,
        threshold: decides.map(|(_, most)| f64::from(most) * unit),
        ..made(&stairs, 16, PROBABILITY, Predict::Response)
    }
}

/// Numbers of 32 bits, on so many intervals of the margins.
fn number(
    ensemble: &Ensemble,
    lowered: &Lowered,
    exact: impl Fn(i32) -> f64,
) -> Result<Made, TreeError> {
    let ends = lowered.ranges.iter().flat_map(|(low, high)| [*low, *high]);
    let largest = ends.map(|end| exact(end).abs()).fold(0.0, f64::max);
    let bits = (f64::from(i32::MAX) / largest).log2().floor();
    if bits.is_nan() || bits < f64::from(i8::MIN) {
        return Err(unsupported(
            ensemble,
            &format!("a response that may be {largest:e}"),
            "give --predict margin",
        ));
    }
    let scale = bits.min(f64::from(FRACTION)) as i8;
    let units = f64::from(scale).exp2();
    // Of a positive function the mean that is as far from both ends relative to them.
    let between = |a: f64, b: f64| match ensemble.link {
        Link::Exp => 2.0 * a * b / (a + b),
        _ => f64::midpoint(a, b),
    };
    let of = |first: i32, last: i32| {
        (between(exact(first), exact(last)) * units).round_ties_even() as i32
    };
    let count = INTERVALS / lowered.ranges.len().max(1);
    let stairs: Vec<Stairs> = lowered
        .ranges
        .iter()
        .map(|range| Stairs::even(*range, count, of))
        .collect();
    let errors = stairs.iter().zip(&lowered.ranges);
    let errors = errors.map(|(stairs, range)| stairs.error(*range, units.recip(), &exact));
    let [worst_error, worst_relative] = worst(errors);
    Ok(Made {
        worst_error,
        worst_relative,
        ..made(&stairs, 32, scale, Predict::Response)
    })
}

fn worst(errors: impl Iterator<Item = [f64; 2]>) -> [f64; 2] {
    errors.fold([0.0; 2], |[a, b], [c, d]| [a.max(c), b.max(d)])
}
