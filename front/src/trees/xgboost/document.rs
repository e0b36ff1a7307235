//! XGBoost's document, as far as it says what a model computes. JSON and UBJSON hold the same.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub(super) attributes: Attributes,
    #[serde(default)]
    pub(super) feature_names: Vec<String>,
    pub(super) gradient_booster: Booster,
    pub(super) learner_model_param: LearnerParam,
    pub(super) objective: Objective,
}

#[derive(Default, Deserialize)]
pub(super) struct Attributes {
    pub(super) best_iteration: Option<String>,
    pub(super) scikit_learn: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct LearnerParam {
    pub(super) base_score: String,
    pub(super) num_class: String,
    pub(super) num_feature: String,
    #[serde(default)]
    pub(super) num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Booster {
    pub(super) name: String,
    #[serde(default)]
    pub(super) model: Option<Model>,
    #[serde(default)]
    pub(super) gbtree: Option<Inner>,
    #[serde(default)]
    pub(super) weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
pub(super) struct Inner {
    pub(super) model: Model,
}

#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) gbtree_model_param: ModelParam,
    #[serde(default)]
    pub(super) iteration_indptr: Vec<u32>,
    pub(super) tree_info: Vec<u32>,
    pub(super) trees: Vec<TreeDocument>,
}

#[derive(Deserialize)]
pub(super) struct ModelParam {
    #[serde(default)]
    pub(super) num_parallel_tree: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct TreeDocument {
    pub(super) left_children: Vec<i32>,
    pub(super) right_children: Vec<i32>,
    pub(super) split_indices: Vec<u32>,
    pub(super) split_conditions: Vec<f32>,
    pub(super) default_left: Vec<Flag>,
    /// Values of vector leaves.
    #[serde(default)]
    pub(super) leaf_weights: Vec<f32>,
    #[serde(default)]
    pub(super) split_type: Vec<u8>,
    #[serde(default)]
    pub(super) categories: Vec<i64>,
    #[serde(default)]
    pub(super) categories_nodes: Vec<u32>,
    #[serde(default)]
    pub(super) categories_segments: Vec<u64>,
    #[serde(default)]
    pub(super) categories_sizes: Vec<u64>,
    pub(super) tree_param: TreeParam,
}

#[derive(Deserialize)]
pub(super) struct TreeParam {
    #[serde(default)]
    pub(super) size_leaf_vector: Option<String>,
}

/// A Boolean that older versions write as one and newer ones as 0 or 1.
#[derive(Clone, Copy)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Through `Value`: no visitor reads any number when a dependency turns on serde_json's arbitrary precision.
        match Value::deserialize(deserializer)? {
            Value::Bool(flag) => Ok(Self(flag)),
            Value::Number(n) if n.as_u64() == Some(0) => Ok(Self(false)),
            Value::Number(n) if n.as_u64() == Some(1) => Ok(Self(true)),
            _ => Err(D::Error::custom("expected true, false, 0 or 1")),
        }
    }
}
