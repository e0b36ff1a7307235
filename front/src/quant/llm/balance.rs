//! Outlier features of the MLP, and blocks of unlike ranges.
//!
//! All blocks share one scale a site, and in trained models a few hidden features of a few blocks are
//! hundreds of times larger than all others (massive activations, Sun et al., arXiv 2402.17762). Three
//! changes of the weights leave the float function as it is:
//!
//! - a block's values and hidden features are divided by a factor of the block, and the matrix that reads
//!   them multiplied by it: every block fills the range;
//! - an outlier feature becomes several equal ones that share its value, each read with its weights
//!   (outlier channel splitting, Zhao et al., arXiv 1901.09504), in places that padding to a power of two
//!   leaves free;
//! - where no place is free, an outlier is divided by a factor of its own and its column multiplied
//!   (SmoothQuant, Xiao et al., arXiv 2211.10438), at the cost of weight precision.

use super::ranges::{Channels, Ranges};
use crate::llama::LlamaConfig;

/// At most one more feature for so many.
const SHARE: usize = 16;
/// Features up to so many times the 90th percentile are ordinary.
const ORDINARY: f64 = 4.0;
/// Features beyond so many times an ordinary one get a factor of their own.
const EXTREME: f64 = 16.0;

/// Blocks whose range is so many times smaller than the largest do not fill theirs.
const SPREAD: f64 = 16.0;

/// A hidden feature of the program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    /// The model's feature that it stands for; none for one that fills up the width.
    pub source: Option<usize>,
    /// Factor of its row of the up projection.
    pub up: f64,
    /// Factor of its column of the down projection.
    pub down: f64,
}

/// How the program's weights differ from the model's.
#[derive(Clone, Debug, PartialEq)]
pub struct Balance {
    /// Hidden features of every block; equally many.
    pub features: Vec<Vec<Feature>>,
    /// Factor of each block's values; its output projection is divided by it.
    pub values: Vec<f64>,
}

impl Balance {
    /// Chooses the changes, and brings `ranges` to what the changed model has.
    pub fn choose(config: &LlamaConfig, channels: &Channels, ranges: &mut Ranges) -> Self {
        let free = config.hidden.next_power_of_two() - config.hidden;
        let budget = free.min(config.hidden / SHARE);
        let (mut features, blocks): (Vec<Vec<Feature>>, Vec<f64>) = channels
            .hidden
            .iter()
            .map(|hidden| split(hidden, budget))
            .unzip();
        for (features, factor) in features.iter_mut().zip(factors(&blocks)) {
            for feature in features {
                feature.up *= factor;
                feature.down /= factor;
            }
        }
        let width = features.iter().map(Vec::len).max().unwrap_or(config.hidden);
        (ranges.hidden, ranges.up) = (0.0, 0.0);
        let maxima = channels.hidden.iter().zip(&channels.up);
        for (features, (hidden, up)) in features.iter_mut().zip(maxima) {
            for feature in features.iter() {
                let of = |maxima: &[f32]| largest(maxima, feature) * feature.up;
                ranges.hidden = ranges.hidden.max(of(hidden));
                ranges.up = ranges.up.max(of(up));
            }
            features.resize(
                width,
                Feature {
                    source: None,
                    up: 0.0,
                    down: 0.0,
                },
            );
        }
        let values = factors(&channels.values);
        let scaled = |maxima: &[f64]| {
            maxima
                .iter()
                .zip(&values)
                .map(|(m, f)| m * f)
                .fold(0.0, f64::max)
        };
        ranges.v = scaled(&channels.values);
        ranges.mix = scaled(&channels.mix);
        Self { features, values }
    }

    /// Hidden features of the program.
    pub fn hidden(&self) -> usize {
        self.features.first().map_or(0, Vec::len)
    }
}

/// Factors that bring the blocks' ranges to one. Those of blocks far below the largest are left with
/// more room above: they were seen to be small, not proven to be.
fn factors(ranges: &[f64]) -> Vec<f64> {
    let top = ranges.iter().copied().fold(0.0, f64::max);
    let factor = |range: &f64| range.max(top / SPREAD).recip();
    ranges
        .iter()
        .map(|r| if top > 0.0 { factor(r) } else { 1.0 })
        .collect()
}

fn largest(maxima: &[f32], feature: &Feature) -> f64 {
    let source = feature.source.and_then(|j| maxima.get(j));
    source.map_or(0.0, |v| f64::from(*v))
}

/// The features of a block with these maxima, at most `budget` more than there are, and their range.
fn split(maxima: &[f32], budget: usize) -> (Vec<Feature>, f64) {
    let ordinary = ORDINARY * percentile(maxima);
    let limit = limit(maxima, ordinary, budget);
    let mut features: Vec<Feature> = vec![];
    let mut copies = vec![];
    let mut range = 0.0f64;
    for (source, maximum) in maxima.iter().enumerate() {
        let count = pieces(*maximum, limit);
        let piece = f64::from(*maximum) / count as f64;
        let own = if ordinary > 0.0 && piece > EXTREME * ordinary {
            (piece / ordinary).sqrt()
        } else {
            1.0
        };
        range = range.max(piece / own);
        let feature = Feature {
            source: Some(source),
            up: 1.0 / (own * count as f64),
            down: own,
        };
        features.push(feature);
        copies.extend(std::iter::repeat_n(feature, count - 1));
    }
    features.append(&mut copies);
    (features, range)
}

/// The smallest power of two times an ordinary maximum at which the pieces are within the budget.
fn limit(maxima: &[f32], ordinary: f64, budget: usize) -> f64 {
    let mut limit = ordinary;
    let more = |limit: f64| maxima.iter().map(|m| pieces(*m, limit) - 1).sum::<usize>();
    if limit <= 0.0 || budget == 0 {
        return f64::INFINITY;
    }
    while more(limit) > budget {
        limit *= 1.25;
    }
    limit
}

/// Number of equal pieces within the limit.
fn pieces(maximum: f32, limit: f64) -> usize {
    libm::ceil(f64::from(maximum) / limit).max(1.0) as usize
}

/// The 90th percentile.
fn percentile(maxima: &[f32]) -> f64 {
    let mut sorted = maxima.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted
        .get(sorted.len() * 9 / 10)
        .map_or(0.0, |v| f64::from(*v))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over copies of `up·down` is one for every feature of the model.
    fn keeps_the_function(features: &[Feature], count: usize) {
        let mut sums = vec![0.0; count];
        for feature in features {
            sums[feature.source.unwrap()] += feature.up * feature.down;
        }
        assert!(sums.iter().all(|s: &f64| (s - 1.0).abs() < 1e-12));
    }

    #[test]
    fn outliers_are_split_within_the_budget() {
        let mut maxima = vec![0.5f32; 200];
        (maxima[7], maxima[90]) = (2823.0, 960.0);
        for budget in [0, 1, 12, 60] {
            let (features, range) = split(&maxima, budget);
            assert!(features.len() <= 200 + budget);
            keeps_the_function(&features, 200);
            let of = |f: &Feature| largest(&maxima, f) * f.up;
            let top = features.iter().map(of).fold(0.0, f64::max);
            assert!((top - range).abs() < 1e-9);
            // An ordinary feature keeps a fair share of the range.
            let share = 0.5 * features[0].up / range;
            assert!(
                share > if budget == 60 { 0.005 } else { 0.002 },
                "{budget}: {share}"
            );
        }
    }

    #[test]
    fn ordinary_features_stay_one() {
        let maxima: Vec<f32> = (1..=100).map(|i| i as f32).collect();
        let (features, range) = split(&maxima, 10);
        assert_eq!((features.len(), range), (100, 100.0));
        assert!(features.iter().all(|f| f.up == 1.0 && f.down == 1.0));
        assert_eq!(split(&[0.0; 4], 1).0.len(), 4);
        assert_eq!(factors(&[0.0, 0.0]), [1.0, 1.0]);
        assert_eq!(factors(&[0.5, 64.0, 8.0]), [0.25, 1.0 / 64.0, 0.125]);
    }
}
