//! CatBoost's document, as far as it says what a model computes.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) features_info: FeaturesInfo,
    pub(super) model_info: ModelInfo,
    #[serde(default)]
    pub(super) oblivious_trees: Option<Vec<Oblivious>>,
    #[serde(default)]
    pub(super) trees: Option<Vec<Grown>>,
    #[serde(default)]
    pub(super) scale_and_bias: Option<(f64, Bias)>,
}

#[derive(Deserialize)]
pub(super) struct FeaturesInfo {
    #[serde(default)]
    pub(super) float_features: Vec<FloatFeature>,
    #[serde(default)]
    pub(super) categorical_features: Vec<OtherFeature>,
    #[serde(default)]
    pub(super) text_features: Vec<IgnoredAny>,
    #[serde(default)]
    pub(super) embedding_features: Vec<IgnoredAny>,
    #[serde(default)]
    pub(super) ctrs: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct FloatFeature {
    pub(super) flat_feature_index: u32,
    #[serde(default)]
    pub(super) feature_id: Option<String>,
    pub(super) nan_value_treatment: NanTreatment,
}

#[derive(Deserialize)]
pub(super) struct OtherFeature {
    pub(super) flat_feature_index: u32,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
pub(super) enum NanTreatment {
    /// No missing value in training: it fails every comparison with a border, as [`Self::Low`].
    #[serde(rename = "AsIs")]
    Unseen,
    #[serde(rename = "AsFalse")]
    Low,
    #[serde(rename = "AsTrue")]
    High,
}

#[derive(Deserialize)]
pub(super) struct ModelInfo {
    #[serde(default)]
    pub(super) params: Params,
    #[serde(default)]
    pub(super) class_params: Option<ClassParams>,
}

#[derive(Default, Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    pub(super) loss_function: Option<Loss>,
}

#[derive(Deserialize)]
pub(super) struct Loss {
    pub(super) r#type: String,
}

#[derive(Deserialize)]
pub(super) struct ClassParams {
    #[serde(default)]
    pub(super) class_names: Vec<Value>,
}

/// One number, or one for each output. Through `Value`: untagged enums do not read numbers when a dependency turns on
/// serde_json's arbitrary precision.
pub(super) struct Bias(pub(super) Vec<f64>);

impl<'de> Deserialize<'de> for Bias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let items = match &value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
        numbers
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a number or a list of numbers"))
    }
}

#[derive(Deserialize)]
pub(super) struct Oblivious {
    pub(super) leaf_values: Vec<f64>,
    #[serde(default)]
    pub(super) splits: Option<Vec<SplitDocument>>,
}

#[derive(Deserialize)]
pub(super) struct SplitDocument {
    pub(super) split_type: String,
    #[serde(default)]
    pub(super) border: Option<f64>,
    #[serde(default)]
    pub(super) float_feature_index: Option<u32>,
    #[serde(default)]
    pub(super) cat_feature_index: Option<u32>,
    #[serde(default)]
    pub(super) value: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Grown {
    #[serde(default)]
    pub(super) split: Option<SplitDocument>,
    #[serde(default)]
    pub(super) left: Option<Box<Grown>>,
    #[serde(default)]
    pub(super) right: Option<Box<Grown>>,
    #[serde(default)]
    pub(super) value: Option<Bias>,
}
