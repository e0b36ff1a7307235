//! What composed operators are made of: intermediates of a node, by their ops.

use super::super::builder::{Draft, Value};
use super::super::error::ImportError;
use super::super::messages::data_type;
use super::super::tensor::Constant;
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Reduction};

type Made = Result<ValueId, ImportError>;

impl Context<'_, '_> {
    /// An op of intermediates.
    pub fn part(&mut self, op: Op, inputs: Vec<ValueId>, features: Vec<usize>) -> Made {
        let name = op.name();
        self.push_part(name, Draft::Op(op), inputs, features)
    }

    /// The op that makes a value, and its first operand; values under other shapes are the same.
    pub fn maker(&self, mut x: ValueId) -> Option<(&Op, ValueId)> {
        let nodes = &self.builder().nodes;
        loop {
            let node = nodes.iter().rev().find(|node| node.output == x)?;
            let first = *node.inputs.first()?;
            match &node.draft {
                Draft::Op(Op::Reshape) => x = first,
                Draft::Op(op) => return Some((op, first)),
                _ => return None,
            }
        }
    }

    /// Element type of an activation.
    pub fn kind(&self, x: ValueId) -> i32 {
        self.builder().kind(x)
    }

    /// Sets the element type of an activation.
    pub fn set_kind(&mut self, x: ValueId, kind: i32) {
        self.builder_mut().set_kind(x, kind);
    }

    /// Sets the element type of the node's first result.
    ///
    /// # Errors
    /// [`ImportError::Node`] if the node has no result.
    pub fn typed(&mut self, kind: i32) -> Result<(), ImportError> {
        let name = self.output()?;
        if let Some(Value::Tensor(id)) = self.builder().value(&name).cloned() {
            self.set_kind(id, kind);
        }
        Ok(())
    }

    /// Whether numbers are whole.
    pub fn is_whole(&self, x: ValueId) -> bool {
        !data_type::is_float(self.kind(x))
    }

    /// The node's result: a value under another shape.
    ///
    /// # Errors
    /// Those of [`super::super::builder::Builder::push`].
    pub fn give(&mut self, x: ValueId, features: Vec<usize>) -> Result<(), ImportError> {
        let output = self.output()?;
        // A value that this node has made takes the name.
        let own = format!("{output}/");
        if self.features(x) == features && self.builder_mut().rename(x, &own, &output) {
            return self.builder_mut().define(&output, Value::Tensor(x));
        }
        self.push(Draft::Op(Op::Reshape), vec![x], features)
    }

    /// A value under another shape.
    pub fn reshaped(&mut self, x: ValueId, features: Vec<usize>) -> Made {
        if self.features(x) == features {
            return Ok(x);
        }
        self.part(Op::Reshape, vec![x], features)
    }

    /// A function of every number.
    pub fn mapped(&mut self, x: ValueId, function: Function) -> Made {
        let features = self.features(x);
        self.part(Op::Unary(function), vec![x], features)
    }

    /// One factor and offset of all numbers.
    pub fn scaled(&mut self, x: ValueId, scale: f64, shift: f64) -> Made {
        let width = self.width(x);
        self.affine(x, vec![scale; width], vec![shift; width])
    }

    /// A factor and an offset of each number.
    pub fn affine(&mut self, x: ValueId, scale: Vec<f64>, shift: Vec<f64>) -> Made {
        let features = self.features(x);
        self.push_part("affine", Draft::Affine { scale, shift }, vec![x], features)
    }

    /// The sum of two values that broadcast to each other.
    pub fn sum_of(&mut self, a: ValueId, b: ValueId) -> Made {
        let ([a, b], features) = self.alike(a, b)?;
        self.part(Op::Add, vec![a, b], features)
    }

    /// The difference of two values that broadcast to each other.
    pub fn difference(&mut self, a: ValueId, b: ValueId) -> Made {
        let negative = self.scaled(b, -1.0, 0.0)?;
        self.sum_of(a, negative)
    }

    /// The product of two values that broadcast to each other.
    pub fn product_of(&mut self, a: ValueId, b: ValueId) -> Made {
        let ([a, b], features) = self.alike(a, b)?;
        self.part(Op::Mul, vec![a, b], features)
    }

    /// Axes taken together and kept as ones; by the least with no op of its own, as the negative of a largest.
    pub fn together(&mut self, x: ValueId, kind: Reduction, axes: &[usize]) -> Made {
        let features = self.features(x);
        let each = features.iter().enumerate();
        let left = each.clone().filter(|(at, _)| !axes.contains(at));
        let left = left.map(|(_, len)| *len).collect();
        let kept = each.map(|(at, len)| if axes.contains(&at) { 1 } else { *len });
        let kept = kept.collect();
        let axes = axes.to_vec();
        let found = self.part(Op::Reduce { kind, axes }, vec![x], left)?;
        self.reshaped(found, kept)
    }

    /// The features of an activation and a constant that broadcast to each other, the activation repeated to them, and the
    /// constant's numbers there.
    ///
    /// # Errors
    /// If they do not broadcast.
    pub fn with_constant(
        &mut self,
        x: ValueId,
        constant: &Constant,
    ) -> Result<(ValueId, Vec<usize>, Vec<f64>), ImportError> {
        let own = self.features(x);
        let mut dims = constant.dims.as_slice();
        // The batch's own axis.
        if let ([1, rest @ ..], true) = (dims, self.lead() == 1 && dims.len() > own.len()) {
            dims = rest;
        }
        let rank = own.len().max(dims.len());
        let entry = |shape: &[usize], at: usize| {
            let at = at.checked_sub(rank - shape.len());
            at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
        };
        let features: Vec<usize> = (0..rank)
            .map(|at| match (entry(&own, at), entry(dims, at)) {
                (1, other) => other,
                (own, _) => own,
            })
            .collect();
        let size = features.iter().fold(1usize, |n, d| n.saturating_mul(*d));
        if size > laminate_model::program::MAX_WIDTH as usize {
            return Err(self.fail(format!("makes {size} features of a constant, too many")));
        }
        let x = self.repeated(x, &features, "repeated")?;
        let numbers = constant.broadcast(&features)?;
        Ok((x, features, numbers))
    }

    /// Operand `i` as an activation; a constant as one that depends on nothing, with the batch's axis left out.
    ///
    /// # Errors
    /// As [`Self::operand`].
    pub fn activation(&mut self, i: usize) -> Made {
        match self.operand(i)? {
            Operand::Tensor(x) => Ok(x),
            Operand::Constant(constant) => self.fixed(&constant),
        }
    }

    /// A constant as an activation.
    ///
    /// # Errors
    /// Those of [`super::super::builder::Builder::push`].
    pub fn fixed(&mut self, constant: &Constant) -> Made {
        let mut dims = constant.dims.clone();
        if self.lead() == 1 {
            // Behind the batch there are as many axes as the activations beside it have.
            let ranks = (0..self.operands()).map(|i| match self.raw(i) {
                Ok(Some(Value::Tensor(x))) => self.features(*x).len(),
                _ => 0,
            });
            let rank = ranks.max().unwrap_or(0);
            if dims.len() > rank && dims.first() == Some(&1) {
                dims.remove(0);
            }
            if dims.len() > rank {
                return Err(self.fail(format!(
                    "a constant has shape {:?}, which is not the same for every row of the batch",
                    constant.dims
                )));
            }
        }
        let numbers = constant.numbers();
        if numbers.is_empty() {
            return Err(self.fail("an operand has no elements"));
        }
        let zeros: Vec<Option<(u32, u32)>> = vec![None; numbers.len()];
        let zeros = self.part(Op::Pick(zeros.into()), vec![0], dims)?;
        let scale = vec![1.0; numbers.len()];
        let made = self.affine(zeros, scale, numbers)?;
        if constant.integers().is_ok() {
            self.set_kind(made, data_type::INT64);
        }
        Ok(made)
    }
}
