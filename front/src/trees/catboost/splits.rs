//! Splits of CatBoost's trees.

use std::collections::HashMap;

use super::document::{FeaturesInfo, FloatFeature, NanTreatment, OtherFeature, SplitDocument};
use super::hash::{self, Codes};
use super::{FORMAT, malformed};
use crate::trees::{Node, Set, Split, Test, TreeError};

/// What splits refer to.
pub(super) struct Splits<'a> {
    floats: &'a [FloatFeature],
    categories: &'a [OtherFeature],
    /// Made when the first category is met.
    codes: Option<Codes>,
    /// Sets by hash.
    sets: HashMap<u32, u32>,
    pub(super) list: Vec<Set>,
}

impl<'a> Splits<'a> {
    pub(super) fn new(info: &'a FeaturesInfo) -> Self {
        Self {
            floats: &info.float_features,
            categories: &info.categorical_features,
            codes: None,
            sets: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// The split of a document with its children.
    pub(super) fn node(
        &mut self,
        at: usize,
        split: &SplitDocument,
        left: usize,
        right: usize,
    ) -> Result<Node, TreeError> {
        let (left, right) = (left as u32, right as u32);
        match split.split_type.as_str() {
            "FloatFeature" => self.float(at, split, left, right),
            "OneHotFeature" => self.one_hot(at, split, left, right),
            other => Err(TreeError::unsupported(
                FORMAT,
                format!("split_type {other:?}"),
                "train without CTR features: raise one_hot_max_size, or encode categories before the model",
            )),
        }
        .map(Node::Split)
    }

    fn float(
        &self,
        at: usize,
        split: &SplitDocument,
        left: u32,
        right: u32,
    ) -> Result<Split, TreeError> {
        let place = || format!("tree {at}: splits");
        let (Some(border), Some(index)) = (split.border, split.float_feature_index) else {
            return Err(malformed(
                place(),
                "a FloatFeature split without border or feature",
            ));
        };
        let Some(feature) = self.floats.get(index as usize) else {
            let found = self.floats.len();
            return Err(malformed(
                place(),
                format!("float feature {index} of {found}"),
            ));
        };
        Ok(Split {
            feature: feature.flat_feature_index,
            // CatBoost keeps float32 borders and prints them as the doubles that they are.
            test: Test::AtMost(f64::from(border as f32)),
            missing_yes: feature.nan_value_treatment != NanTreatment::High,
            zero_missing: false,
            yes: left,
            no: right,
        })
    }

    fn one_hot(
        &mut self,
        at: usize,
        split: &SplitDocument,
        left: u32,
        right: u32,
    ) -> Result<Split, TreeError> {
        let place = || format!("tree {at}: splits");
        let (Some(value), Some(index)) = (split.value, split.cat_feature_index) else {
            return Err(malformed(
                place(),
                "a OneHotFeature split without value or feature",
            ));
        };
        let Some(feature) = self.categories.get(index as usize) else {
            let found = self.categories.len();
            return Err(malformed(
                place(),
                format!("category feature {index} of {found}"),
            ));
        };
        // The file has the 32 bits with or without a sign.
        let hash = value as u32;
        let set = match self.sets.get(&hash) {
            Some(set) => *set,
            None => {
                let codes = self.codes.get_or_insert_with(Codes::new);
                let codes = codes.of(hash).ok_or_else(|| {
                    TreeError::unsupported(
                        FORMAT,
                        format!(
                            "a category whose hash is {value}, that of no whole number up to {}",
                            hash::MAX_CODE
                        ),
                        "train on categories that are whole numbers from 0 on",
                    )
                })?;
                let values = codes.iter().map(|&code| code as f32).collect();
                let set = self.list.len() as u32;
                self.list.push(Set::Values(values));
                self.sets.insert(hash, set);
                set
            }
        };
        Ok(Split {
            feature: feature.flat_feature_index,
            test: Test::Within(set),
            missing_yes: false,
            zero_missing: false,
            yes: right,
            no: left,
        })
    }
}
