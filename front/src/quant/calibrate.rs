//! What calibration sees of a graph's values.

use std::collections::BTreeMap;

use crate::graph::ValueId;
use crate::passes::Plan;

/// Largest absolute values as the program has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// By value.
    largest: Vec<f64>,
    /// Of single features, of the values that are watched.
    features: BTreeMap<ValueId, Vec<f32>>,
}

impl Seen {
    /// Nothing yet; single features of `watched` will be looked at.
    pub fn new(plan: &Plan<'_>, watched: impl IntoIterator<Item = ValueId>) -> Self {
        let watched = watched.into_iter();
        Self {
            largest: vec![0.0; plan.graph.values().len()],
            features: watched
                .map(|id| (id, vec![0.0; plan.graph.width(id)]))
                .collect(),
        }
    }

    /// The largest of every value.
    pub fn of(largest: Vec<f64>) -> Self {
        Self {
            largest,
            features: BTreeMap::new(),
        }
    }

    /// The largest of every value.
    pub fn into_largest(self) -> Vec<f64> {
        self.largest
    }

    /// Takes rows of a value into account.
    pub fn see(&mut self, plan: &Plan<'_>, id: ValueId, values: &[f32]) {
        let values = plan.shown(id, values);
        let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        if let Some(most) = self.largest.get_mut(id) {
            *most = most.max(f64::from(largest) * plan.factor(id));
        }
        if let Some(features) = self.features.get_mut(&id) {
            for row in values.chunks_exact(features.len().max(1)) {
                for (most, value) in features.iter_mut().zip(row) {
                    *most = most.max(value.abs());
                }
            }
        }
    }

    /// The largest of a value.
    pub fn largest(&self, id: ValueId) -> f64 {
        self.largest.get(id).copied().unwrap_or(0.0)
    }

    /// The largest of each feature of a watched value.
    pub fn features(&self, id: ValueId) -> &[f32] {
        self.features.get(&id).map_or(&[], Vec::as_slice)
    }

    /// States the largest of a value whose matrix was changed.
    pub fn set(&mut self, id: ValueId, largest: f64) {
        if let Some(most) = self.largest.get_mut(id) {
            *most = largest;
        }
    }
}
