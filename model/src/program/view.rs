//! Tensors that stand in no column: sums of other tensors' entries, read by one public matrix for each axis.
//!
//! `y(x) = constant + Σ_terms coefficient · Π masks(x) · Σ_z Π_i A_i(x; z_i) · operand(z)` with `x` over the feature
//! axes of the view, `z_i` over those of a term's operand. Slots are the operand's own. Slices, pads, transposes,
//! concatenations, broadcasts, sums over axes, windows of a convolution with stride, dilation and padding, and upsampling
//! are instances. A view axis is read by one map or mask of a term at most.
//!
//! All sizes are unpadded ones, so that no map reads what stands behind an axis' end, but [`AxisMap::Same`], which hands
//! it on to the padding of the view's axis; all others give nothing there.

use std::collections::BTreeMap;
use std::sync::Arc;

use laminate_engine::maps::linear::{LinearTerm, MAX_PAIRS};
use laminate_engine::maps::pairs::Pair;
use laminate_engine::maps::{Linear, Map, Mask, Pairs, Wiring};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::padded_log;

/// Most terms of a view, those of composed views among them.
pub const MAX_TERMS: usize = 64;
/// Largest absolute value of a view that its maps allow: sums of products of such values stay far below the field's
/// size (`docs/specs/numerics.md`, section 5).
pub const MAX_VALUE: i128 = 1 << 40;
/// Largest coefficient and constant.
const MAX_COEFFICIENT: u64 = 1 << 32;

/// A view: see the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorView {
    /// Constant at every entry, those of the padding too.
    pub constant: i64,
    /// What is read.
    pub terms: Vec<ViewTerm>,
}

/// A tensor as it stands in a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTerm {
    /// Which operand of the node.
    pub operand: u32,
    /// What its entries are multiplied by.
    pub coefficient: i64,
    /// One map onto each of its feature axes.
    pub maps: Vec<AxisMap>,
    /// Where in the view it stands; everywhere without any.
    pub masks: Vec<AxisMask>,
}

/// A public matrix `A(x; z)` from feature axes of the view, `x`, to one of an operand, `z`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisMap {
    /// `[z = x]`, of one size.
    Same {
        /// The view's axis.
        axis: u32,
    },
    /// `[z = at]`.
    Fixed {
        /// The entry.
        at: u32,
    },
    /// `[z < below]`: the sum of the first entries.
    Sum {
        /// How many.
        below: u32,
    },
    /// `[scale·z = Σ coefficient·x + offset]` for indices inside their axes.
    Linear {
        /// View axes and coefficients.
        terms: Vec<(u32, i32)>,
        /// Positive.
        scale: u32,
        /// Constant.
        offset: i32,
    },
    /// Any matrix, by its non-zeros.
    Pairs {
        /// View axes.
        axes: Vec<u32>,
        /// Non-zeros, no place twice.
        entries: Vec<AxisPair>,
    },
}

/// An entry of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisPair {
    /// Indices of the view axes, in the order of the map.
    pub view: Vec<u32>,
    /// Index of the operand's axis.
    pub at: u32,
    /// The entry.
    pub coefficient: i32,
}

/// A condition on the indices of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisMask {
    /// `x = at`.
    Only {
        /// The view's axis.
        axis: u32,
        /// The entry.
        at: u32,
    },
    /// `x < size`.
    Below {
        /// The view's axis.
        axis: u32,
        /// Number of entries.
        size: u32,
    },
    /// `x ≤ x'` of two axes of one size.
    AtMost {
        /// The axis of `x`.
        axis: u32,
        /// The axis of `x'`.
        bound: u32,
    },
}

impl AxisMap {
    /// `z = x + offset`: a slice, a pad or a part of a concatenation.
    pub fn shift(axis: u32, offset: i32) -> Self {
        Self::Linear {
            terms: vec![(axis, 1)],
            scale: 1,
            offset,
        }
    }

    /// `z = stride·p + dilation·u - pad`: position `u` of the window at `p`.
    pub fn window([p, u]: [u32; 2], stride: u32, dilation: u32, pad: u32) -> Self {
        Self::Linear {
            terms: vec![(p, stride as i32), (u, dilation as i32)],
            scale: 1,
            offset: -(pad as i32),
        }
    }

    /// The view axes that it reads.
    pub fn reads(&self) -> Vec<u32> {
        match self {
            Self::Same { axis } => vec![*axis],
            Self::Fixed { .. } | Self::Sum { .. } => vec![],
            Self::Linear { terms, .. } => terms.iter().map(|(axis, _)| *axis).collect(),
            Self::Pairs { axes, .. } => axes.clone(),
        }
    }

    /// The largest sum of absolute entries of a row.
    fn gain(&self) -> i128 {
        match self {
            Self::Same { .. } | Self::Fixed { .. } | Self::Linear { .. } => 1,
            Self::Sum { below } => (*below).into(),
            Self::Pairs { entries, .. } => {
                let mut rows: BTreeMap<&[u32], i128> = BTreeMap::new();
                for pair in entries {
                    *rows.entry(&pair.view).or_default() += i128::from(pair.coefficient).abs();
                }
                rows.values().copied().max().unwrap_or(0)
            }
        }
    }

    /// The map with the bounds of the axes, features beginning at view axis `first`.
    fn lower(&self, view: &[u32], size: u32, first: usize) -> Result<Map, String> {
        let of = |axis: &u32| {
            let found = view.get(*axis as usize).copied();
            found
                .ok_or_else(|| format!("view axis {axis} does not exist; there are {}", view.len()))
        };
        let inside = |what: &str, found: u32, least: u32, end: u32| {
            if (least..end).contains(&found) || !on("entry of an axis") {
                return Ok(found as usize);
            }
            Err(format!(
                "{what} {found}, expected {least} to {}",
                end.saturating_sub(1)
            ))
        };
        let own = |axis: &u32| first + *axis as usize;
        Ok(match self {
            Self::Same { axis } => {
                let found = of(axis)?;
                if found != size && on("axes that are the same") {
                    return Err(format!(
                        "view axis {axis} has {found} entries and stands for one of {size}; a linear map reads \
                         another size"
                    ));
                }
                Map::Same { axis: own(axis) }
            }
            Self::Fixed { at } => Map::Fixed {
                at: inside("reads entry", *at, 0, size)?,
            },
            Self::Sum { below } => Map::Sum {
                below: inside("sums entries", *below, 1, size.saturating_add(1))?,
            },
            Self::Linear {
                terms,
                scale,
                offset,
            } => {
                let term = |(axis, coefficient): &(u32, i32)| {
                    Ok(LinearTerm {
                        axis: own(axis),
                        coefficient: (*coefficient).into(),
                        size: of(axis)? as usize,
                    })
                };
                let terms: Result<Vec<LinearTerm>, String> = terms.iter().map(term).collect();
                Map::Linear(Linear {
                    terms: terms?,
                    scale: (*scale).into(),
                    offset: (*offset).into(),
                    size: size as usize,
                })
            }
            Self::Pairs { axes, entries } => {
                if entries.len() > MAX_PAIRS && on("number of pairs") {
                    let found = entries.len();
                    return Err(format!(
                        "a map has {found} pairs, expected at most {MAX_PAIRS}"
                    ));
                }
                let sizes: Result<Vec<u32>, String> = axes.iter().map(of).collect();
                let sizes = sizes?;
                let pair = |pair: &AxisPair| {
                    let at = pair.view.iter().zip(&sizes);
                    let view: Result<Vec<usize>, String> = at
                        .map(|(x, size)| inside("a pair at", *x, 0, *size))
                        .collect();
                    Ok(Pair {
                        view: view?,
                        y: inside("a pair reads entry", pair.at, 0, size)?,
                        coefficient: pair.coefficient.into(),
                    })
                };
                if let Some(wrong) = entries.iter().find(|pair| pair.view.len() != sizes.len())
                    && on("view entries of a pair")
                {
                    let (found, expected) = (wrong.view.len(), sizes.len());
                    return Err(format!(
                        "a pair has {found} view entries, expected {expected}"
                    ));
                }
                let pairs: Result<Vec<Pair>, String> = entries.iter().map(pair).collect();
                Map::Pairs(Pairs {
                    axes: axes.iter().map(own).collect(),
                    entries: pairs?.into(),
                })
            }
        })
    }
}

impl AxisMask {
    /// The view axes that it reads.
    pub fn reads(&self) -> Vec<u32> {
        match *self {
            Self::Only { axis, .. } | Self::Below { axis, .. } => vec![axis],
            Self::AtMost { axis, bound } => vec![axis, bound],
        }
    }

    fn lower(self, view: &[u32], first: usize) -> Result<Mask, String> {
        let size = |axis: u32| {
            let found = view.get(axis as usize).copied();
            found.ok_or_else(|| {
                format!(
                    "masked axis {axis} does not exist; there are {}",
                    view.len()
                )
            })
        };
        let own = |axis: u32| first + axis as usize;
        match self {
            Self::Only { axis, at } if at < size(axis)? || !on("masked entry") => Ok(Mask::Only {
                axis: own(axis),
                at: at as usize,
            }),
            Self::Below { axis, size: below }
                if (1..=size(axis)?).contains(&below) || !on("masked entries") =>
            {
                Ok(Mask::Below {
                    axis: own(axis),
                    size: below as usize,
                })
            }
            Self::AtMost { axis, bound }
                if size(axis)? == size(bound)? || !on("compared axes of a mask") =>
            {
                Ok(Mask::AtMost {
                    axis: own(axis),
                    bound: own(bound),
                })
            }
            _ => Err(format!("{self:?} does not fit the view's axes {view:?}")),
        }
    }
}

impl ViewTerm {
    /// A tensor as it is, read by these maps.
    pub fn new(operand: u32, maps: Vec<AxisMap>) -> Self {
        Self {
            operand,
            coefficient: 1,
            maps,
            masks: vec![],
        }
    }

    /// How an operand of these axes stands in a view, both behind axes of the logs of `shared`, which are the same.
    ///
    /// # Errors
    /// What does not fit.
    pub fn wiring(
        &self,
        shared: &[usize],
        view: &[u32],
        operand: &[u32],
    ) -> Result<Arc<Wiring>, String> {
        if self.maps.len() != operand.len() && on("a map for each axis") {
            return Err(format!(
                "a term has {} maps, its operand {} axes",
                self.maps.len(),
                operand.len()
            ));
        }
        let log = |size: &u32| padded_log(*size as usize);
        let first = shared.len();
        let own = shared.iter().enumerate();
        let mut axes: Vec<(usize, Map)> =
            own.map(|(axis, log)| (*log, Map::Same { axis })).collect();
        for (map, size) in self.maps.iter().zip(operand) {
            axes.push((log(size), map.lower(view, *size, first)?));
        }
        let masks = self.masks.iter().map(|mask| mask.lower(view, first));
        Ok(Arc::new(Wiring {
            view: shared.iter().copied().chain(view.iter().map(log)).collect(),
            axes,
            masks: masks.collect::<Result<_, _>>()?,
        }))
    }
}

impl TensorView {
    /// One tensor as it is, read by these maps.
    pub fn of(maps: Vec<AxisMap>) -> Self {
        Self {
            constant: 0,
            terms: vec![ViewTerm::new(0, maps)],
        }
    }

    /// Number of non-zeros that are written out.
    pub fn pairs(&self) -> usize {
        let maps = self.terms.iter().flat_map(|term| &term.maps);
        maps.map(|map| match map {
            AxisMap::Pairs { entries, .. } => entries.len(),
            _ => 0,
        })
        .sum()
    }

    /// The largest absolute value of an entry whose operands have at most these.
    pub fn bound(&self, operands: &[i128]) -> i128 {
        let term = |term: &ViewTerm| {
            let own = operands.get(term.operand as usize).copied().unwrap_or(0);
            let gains = term.maps.iter().map(AxisMap::gain);
            gains.fold(
                own.saturating_mul(i128::from(term.coefficient).abs()),
                i128::saturating_mul,
            )
        };
        let terms = self.terms.iter().map(term);
        terms.fold(i128::from(self.constant).abs(), i128::saturating_add)
    }

    /// Checks numbers, axes and maps for operands of these axes.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, view: &[u32], operands: &[&[u32]]) -> Result<(), String> {
        let terms = self.terms.len();
        if !(1..=MAX_TERMS).contains(&terms) && on("terms of a view") {
            return Err(format!("has {terms} terms, expected 1 to {MAX_TERMS}"));
        }
        let coefficients = self.terms.iter().map(|term| term.coefficient);
        for number in coefficients.clone().chain([self.constant]) {
            if number.unsigned_abs() > MAX_COEFFICIENT && on("coefficients of a view") {
                return Err(format!(
                    "has the coefficient {number}, expected at most 2^32"
                ));
            }
        }
        if coefficients.clone().any(|c| c == 0) && on("coefficients above zero") {
            return Err("has a term times 0, expected another coefficient".into());
        }
        let reads = |operand: &usize| self.terms.iter().any(|t| t.operand as usize == *operand);
        if let Some(operand) = (0..operands.len()).find(|operand| !reads(operand))
            && on("operands that a view reads")
        {
            return Err(format!("does not read its operand {operand}"));
        }
        for term in &self.terms {
            let operand = operands.get(term.operand as usize);
            let operand = operand.ok_or_else(|| {
                let count = operands.len();
                format!("reads operand {}, there are {count}", term.operand)
            })?;
            let wiring = term.wiring(&[], view, operand)?;
            wiring.check().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Whether entries behind the end of an axis are zero, if those of operands' axes are as told.
    pub fn zero_behind(&self, axis: u32, operand: &dyn Fn(usize, usize) -> bool) -> bool {
        let term = |term: &ViewTerm| {
            let masked = term.masks.iter().any(|mask| match mask {
                AxisMask::Only { axis: a, .. } | AxisMask::Below { axis: a, .. } => *a == axis,
                AxisMask::AtMost { .. } => false,
            });
            let read = term.maps.iter().enumerate().any(|(own, map)| match map {
                AxisMap::Same { axis: a } => *a == axis && operand(term.operand as usize, own),
                map => map.reads().contains(&axis),
            });
            masked || read
        };
        self.constant == 0 && self.terms.iter().all(term)
    }
}
