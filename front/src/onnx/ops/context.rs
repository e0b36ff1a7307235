//! What an operator sees of its node: operands, attributes, and where its result goes.

use super::super::builder::{Builder, Draft, First, Value};
use super::super::error::ImportError;
use super::super::messages::{AttributeProto, NodeProto, attribute_type};
use super::super::tensor::Constant;
use crate::graph::ValueId;
use crate::ops::{Op, Read};

/// Most entries of a first axis that are read one by one.
const MAX_ENTRIES: usize = 64;

/// One node being imported.
#[derive(Debug)]
pub struct Context<'b, 'a> {
    builder: &'b mut Builder<'a>,
    node: &'a NodeProto,
    index: usize,
    opset: i64,
    /// Whether the first operand may have its batch elsewhere.
    anywhere: bool,
    /// One entry of the first axis that stands for operand 0, and its number.
    entry: Option<(Value<'a>, usize)>,
}

/// An operand: an activation or a constant.
#[derive(Debug)]
pub enum Operand {
    /// Of this tensor.
    Tensor(ValueId),
    /// Decoded.
    Constant(Constant),
}

impl<'b, 'a> Context<'b, 'a> {
    pub(super) fn new(
        builder: &'b mut Builder<'a>,
        node: &'a NodeProto,
        index: usize,
        opset: i64,
    ) -> Self {
        Self {
            builder,
            node,
            index,
            opset,
            anywhere: false,
            entry: None,
        }
    }

    /// The operator.
    pub fn op(&self) -> &'a str {
        &self.node.op_type
    }

    /// Lets the first operand have its batch elsewhere; gives its place.
    pub(super) fn anywhere(&mut self) -> usize {
        self.anywhere = true;
        match self.raw(0) {
            Ok(Some(Value::Moved(_, batch))) => *batch,
            _ => 0,
        }
    }

    pub(super) fn builder(&self) -> &Builder<'a> {
        self.builder
    }

    pub(super) fn builder_mut(&mut self) -> &mut Builder<'a> {
        self.builder
    }

    fn first_wanted(&self, i: usize, batch: usize) -> ImportError {
        self.fail(format!(
            "operand {i} has the batch as axis {batch}, expected it as the first; transpose it in the model"
        ))
    }

    fn label(&self, i: usize) -> ImportError {
        self.fail(format!(
            "operand {i} is the label of a class, expected an activation or a constant"
        ))
    }

    /// Name of the node, or its index where it has none.
    pub fn name(&self) -> String {
        if self.node.name.is_empty() {
            format!("#{}", self.index)
        } else {
            self.node.name.clone()
        }
    }

    /// Version of the operator set.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// An error that names the node.
    pub fn fail(&self, problem: impl Into<String>) -> ImportError {
        ImportError::Node {
            node: self.name(),
            op: self.node.op_type.clone(),
            problem: problem.into(),
        }
    }

    /// Operand `i`, or `None` if it is omitted.
    ///
    /// # Errors
    /// [`ImportError::MissingValue`] if it names nothing, and errors of decoding a constant.
    pub fn optional(&self, i: usize) -> Result<Option<Operand>, ImportError> {
        Ok(match self.raw(i)? {
            None => None,
            Some(Value::Tensor(id)) => Some(Operand::Tensor(*id)),
            Some(Value::Moved(id, _)) if self.anywhere && i == 0 => Some(Operand::Tensor(*id)),
            Some(Value::Moved(_, batch)) => return Err(self.first_wanted(i, *batch)),
            Some(Value::Constant(constant)) => Some(Operand::Constant(constant.clone())),
            Some(Value::Stored(proto)) => {
                Some(Operand::Constant(Constant::from_proto(proto, &proto.name)?))
            }
            Some(Value::Shape(_)) => {
                return Err(self.fail(format!(
                    "operand {i} is computed from the batch's size, expected an activation or a constant"
                )));
            }
            Some(Value::Label) => return Err(self.label(i)),
        })
    }

    /// Number of operands, omitted ones in between included.
    pub fn operands(&self) -> usize {
        self.node.input.len()
    }

    /// Whether the node has more results than its first.
    pub fn has_more_outputs(&self) -> bool {
        self.node.output.iter().skip(1).any(|name| !name.is_empty())
    }

    /// Refuses attributes with other names.
    ///
    /// # Errors
    /// [`ImportError::Node`] naming the first.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ImportError> {
        let mut names = self.node.attribute.iter().map(|a| a.name.as_str());
        match names.find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(self.fail(format!(
                "attribute {name:?} is not supported, expected {}",
                match known {
                    [] => "none".to_owned(),
                    _ => format!("only {}", known.join(", ")),
                }
            ))),
        }
    }

    /// What operand `i` stands for, not decoded.
    ///
    /// # Errors
    /// [`ImportError::MissingValue`] if it names nothing.
    pub fn raw(&self, i: usize) -> Result<Option<&Value<'a>>, ImportError> {
        if let (0, Some((value, _))) = (i, &self.entry) {
            return Ok(Some(value));
        }
        let Some(name) = self.node.input.get(i).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let missing = || ImportError::MissingValue {
            node: self.name(),
            op: self.node.op_type.clone(),
            operand: name.clone(),
        };
        self.builder.value(name).map(Some).ok_or_else(missing)
    }

    /// Operand `i`, which must be there.
    ///
    /// # Errors
    /// As [`Self::optional`], and [`ImportError::Node`] if it is omitted.
    pub fn operand(&self, i: usize) -> Result<Operand, ImportError> {
        self.optional(i)?
            .ok_or_else(|| self.fail(format!("operand {i} is missing")))
    }

    /// Operand `i`, which must be an activation.
    ///
    /// # Errors
    /// As [`Self::operand`], and [`ImportError::Node`] for a constant.
    pub fn tensor(&self, i: usize) -> Result<ValueId, ImportError> {
        match self.raw(i)? {
            Some(Value::Tensor(id)) => Ok(*id),
            Some(Value::Moved(id, _)) if self.anywhere && i == 0 => Ok(*id),
            Some(Value::Moved(_, batch)) => Err(self.first_wanted(i, *batch)),
            Some(Value::Shape(_)) => Err(self.fail(format!(
                "operand {i} is computed from the batch's size, expected an activation"
            ))),
            Some(Value::Label) => Err(self.label(i)),
            Some(_) => Err(self.fail(format!("operand {i} is a constant, expected an activation"))),
            None => Err(self.fail(format!("operand {i} is missing"))),
        }
    }

    /// Operand `i`, which must be an activation, and the place of its batch.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn moved(&self, i: usize) -> Result<(ValueId, usize), ImportError> {
        match self.raw(i)? {
            Some(Value::Moved(id, batch)) => Ok((*id, *batch)),
            _ => Ok((self.tensor(i)?, 0)),
        }
    }

    /// Says which axis of a result is the batch.
    pub fn set_batch(&mut self, name: &str, batch: usize) {
        self.builder.set_batch(name, batch);
    }

    /// Says what states are one step later, and of which layers they are.
    pub fn close(&mut self, states: &[(ValueId, ValueId)], layers: &[ValueId]) {
        self.builder.close(states, layers);
    }

    /// Operand `i`, which must be a constant.
    ///
    /// # Errors
    /// As [`Self::operand`], and [`ImportError::Node`] for an activation.
    pub fn constant(&self, i: usize) -> Result<Constant, ImportError> {
        match self.operand(i)? {
            Operand::Constant(constant) => Ok(constant),
            Operand::Tensor(_) => {
                Err(self.fail(format!("operand {i} is computed, expected a constant")))
            }
        }
    }

    /// Feature dimensions of an activation.
    pub fn features(&self, id: ValueId) -> Vec<usize> {
        self.builder.features(id).to_vec()
    }

    /// Number of features of an activation.
    pub fn width(&self, id: ValueId) -> usize {
        self.builder.width(id)
    }

    /// The attribute called `name`, which must be of `kind` (files before IR version 3 leave it out).
    ///
    /// # Errors
    /// [`ImportError::Node`] if it has another type or is a reference.
    pub fn attribute(
        &self,
        name: &str,
        kind: i32,
    ) -> Result<Option<&'a AttributeProto>, ImportError> {
        let Some(attribute) = self.node.attribute.iter().find(|a| a.name == name) else {
            return Ok(None);
        };
        if !attribute.ref_attr_name.is_empty() {
            return Err(self.fail(format!(
                "attribute {name:?} is a reference, expected a value"
            )));
        }
        if attribute.kind != kind {
            return Err(self.fail(format!(
                "attribute {name:?} has type {}, expected {kind}",
                attribute.kind
            )));
        }
        Ok(Some(attribute))
    }

    /// An integer attribute.
    ///
    /// # Errors
    /// As [`Self::attribute`].
    pub fn int(&self, name: &str, default: i64) -> Result<i64, ImportError> {
        Ok(self
            .attribute(name, attribute_type::INT)?
            .map_or(default, |a| a.i))
    }

    /// An attribute that is a list of integers.
    ///
    /// # Errors
    /// As [`Self::attribute`].
    pub fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, ImportError> {
        let attribute = self.attribute(name, attribute_type::INTS)?;
        Ok(attribute.map(|a| a.ints.as_slice()))
    }

    /// A finite float attribute.
    ///
    /// # Errors
    /// As [`Self::attribute`], and [`ImportError::Node`] for NaN and infinities.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, ImportError> {
        let value = self
            .attribute(name, attribute_type::FLOAT)?
            .map_or(default, |a| a.f);
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.fail(format!(
            "attribute {name:?} is {value}, expected a finite number"
        )))
    }

    /// Whether there is an attribute called `name`.
    pub fn attribute_exists(&self, name: &str) -> bool {
        self.node.attribute.iter().any(|a| a.name == name)
    }

    /// An attribute that is a list of texts.
    ///
    /// # Errors
    /// As [`Self::attribute`].
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ImportError> {
        let attribute = self.attribute(name, attribute_type::STRINGS)?;
        let text = |bytes: &prost::bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(attribute.map(|a| a.strings.iter().map(text).collect()))
    }

    /// A text attribute.
    ///
    /// # Errors
    /// As [`Self::attribute`].
    pub fn text(&self, name: &str, default: &str) -> Result<String, ImportError> {
        let attribute = self.attribute(name, attribute_type::STRING)?;
        Ok(attribute.map_or_else(
            || default.to_owned(),
            |a| String::from_utf8_lossy(&a.s).into_owned(),
        ))
    }

    /// Name of the node's first result.
    ///
    /// # Errors
    /// [`ImportError::Node`] if it has none.
    pub fn output(&self) -> Result<String, ImportError> {
        let name = self.node.output.first().filter(|name| !name.is_empty());
        match (name, &self.entry) {
            (Some(name), None) => Ok(name.clone()),
            (Some(name), Some((_, entry))) => Ok(format!("{name}/{entry}")),
            (None, _) => Err(self.fail("has no output")),
        }
    }

    /// What the first axis of values is.
    pub fn first(&self) -> First {
        self.builder.first
    }

    /// Axes of values before their features: the batch, or none.
    pub fn lead(&self) -> usize {
        match self.first() {
            First::Batch => 1,
            First::Feature => 0,
        }
    }

    /// A feature axis, of so many, by its number among all axes.
    ///
    /// # Errors
    /// [`ImportError::Node`] if it is none.
    pub fn axis(&self, axis: i64, features: usize) -> Result<usize, ImportError> {
        let lead = self.lead() as i64;
        let rank = features as i64 + lead;
        let at = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        let found = usize::try_from(at.saturating_sub(lead)).ok();
        found.filter(|at| *at < features).ok_or_else(|| {
            self.fail(match self.first() {
                First::Batch => format!(
                    "axis is {axis}, expected one of 1 to {features}: the batch stays as it is"
                ),
                First::Feature => format!("axis is {axis}, expected one of {features} axes"),
            })
        })
    }

    /// Imports the node for each entry of its first operand's first axis, if that is no batch, and puts the results one behind
    /// the other along a first axis: how operators over `(batch, channels, …)` read a model of one row.
    ///
    /// # Errors
    /// Those of the importer, and [`ImportError::Node`] if there are too many entries or there is none.
    pub(super) fn each_entry(
        &mut self,
        build: fn(&mut Context<'_, '_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        if self.first() == First::Batch {
            return build(self);
        }
        let x = self.tensor(0)?;
        let features = self.features(x);
        let Some((&count, rest)) = features.split_first() else {
            return Err(self.fail("operand 0 is a scalar, expected (batch, channels, …)"));
        };
        if count > MAX_ENTRIES {
            return Err(self.fail(format!(
                "operand 0 has a first axis of {count}, expected at most {MAX_ENTRIES}, or a batch: export with a dynamic first axis"
            )));
        }
        let mut made = vec![];
        for entry in 0..count {
            let own = self.entry_of(x, entry)?;
            let own = self.reshaped(own, rest.to_vec())?;
            self.builder.first = First::Batch;
            let mut context = Context {
                builder: &mut *self.builder,
                node: self.node,
                index: self.index,
                opset: self.opset,
                anywhere: false,
                entry: Some((Value::Tensor(own), entry)),
            };
            let built = build(&mut context).and_then(|()| context.output());
            self.builder.first = First::Feature;
            let name = built?;
            let Some(Value::Tensor(own)) = self.builder.value(&name).cloned() else {
                return Err(self.fail("gives no activation"));
            };
            let features = [&[1][..], &self.features(own)].concat();
            made.push(self.reshaped(own, features)?);
        }
        let mut features = made
            .first()
            .map(|id| self.features(*id))
            .unwrap_or_default();
        if let Some(first) = features.first_mut() {
            *first = count;
        }
        match made.as_slice() {
            [one] => self.give(*one, features),
            _ => self.push(Draft::Op(Op::Concat { axis: 0 }), made, features),
        }
    }

    /// One entry of an activation's first axis, which is kept.
    fn entry_of(&mut self, x: ValueId, entry: usize) -> Result<ValueId, ImportError> {
        let mut features = self.features(x);
        if features.first() == Some(&1) {
            return Ok(x);
        }
        let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
        if let (Some(read), Some(len)) = (reads.first_mut(), features.first_mut()) {
            (read.start, *len) = (entry as i64, 1);
        }
        self.part(Op::Arrange(reads), vec![x], features)
    }

    /// Adds a node with features of shape `features`.
    ///
    /// # Errors
    /// Those of [`Builder::push`].
    pub fn push(
        &mut self,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<(), ImportError> {
        let (name, output) = (self.name(), self.output()?);
        self.builder
            .push(&name, draft, inputs, &output, features)
            .map(drop)
    }

    /// Adds a node whose result is an intermediate of this one, called after its output and `part`.
    ///
    /// # Errors
    /// Those of [`Builder::push`].
    pub fn push_part(
        &mut self,
        part: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<ValueId, ImportError> {
        // A recurrent operator may give its second result alone.
        let output = self.node.output.iter().find(|name| !name.is_empty());
        let output = output.ok_or_else(|| self.fail("has no output"))?;
        let mut output = match &self.entry {
            None => format!("{output}/{part}"),
            Some((_, entry)) => format!("{output}/{entry}/{part}"),
        };
        if self.builder.value(&output).is_some() {
            output = format!("{output} {}", self.builder.count());
        }
        self.push_value(&output, draft, inputs, features)
    }

    /// Adds a node whose result has this name, and gives that.
    ///
    /// # Errors
    /// Those of [`Builder::push`].
    pub fn push_value(
        &mut self,
        output: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<ValueId, ImportError> {
        let name = self.name();
        self.builder.push(&name, draft, inputs, output, features)
    }

    /// Adds an op of one operand that keeps the shape of operand 0.
    ///
    /// # Errors
    /// If operand 0 is not an activation, and those of [`Builder::push`].
    pub fn push_unary(&mut self, op: Op) -> Result<(), ImportError> {
        let x = self.tensor(0)?;
        let features = self.features(x);
        self.push(Draft::Op(op), vec![x], features)
    }

    /// Adds an op of one operand that keeps the shape of an activation by its name.
    ///
    /// # Errors
    /// If the name is none of an activation, and those of [`Builder::push`].
    pub(super) fn push_of(&mut self, x: &str, op: Op) -> Result<(), ImportError> {
        let Some(Value::Tensor(x)) = self.builder.value(x).cloned() else {
            return Err(self.fail(format!("{x:?} is not computed, expected an activation")));
        };
        let features = self.features(x);
        self.push(Draft::Op(op), vec![x], features)
    }

    /// Names of all results.
    pub fn outputs(&self) -> &'a [String] {
        &self.node.output
    }

    /// Adds a node whose result has this name.
    ///
    /// # Errors
    /// Those of [`Builder::push`].
    pub fn push_named(
        &mut self,
        output: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<(), ImportError> {
        let name = self.name();
        self.builder
            .push(&name, draft, inputs, output, features)
            .map(drop)
    }

    /// An activation with axes of one entry before its own and repeated, so that it has this shape.
    ///
    /// # Errors
    /// [`ImportError::Node`] if it does not broadcast to it, and those of [`Builder::push`].
    pub fn repeated(
        &mut self,
        x: ValueId,
        features: &[usize],
        part: &str,
    ) -> Result<ValueId, ImportError> {
        let own = self.features(x);
        if own == features {
            return Ok(x);
        }
        let missing = features.len().checked_sub(own.len());
        let longer = missing.map(|missing| [vec![1; missing], own.clone()].concat());
        let fits = |longer: &Vec<usize>| {
            let both = longer.iter().zip(features);
            { both }.all(|(a, b)| *a == 1 || a == b)
        };
        let Some(longer) = longer.filter(fits) else {
            return Err(self.fail(format!(
                "an operand has feature shape {own:?}, which does not broadcast to {features:?}"
            )));
        };
        let mut x = x;
        if longer != own {
            let reshape = Draft::Op(Op::Reshape);
            x = self.push_part(&format!("{part}/axes"), reshape, vec![x], longer.clone())?;
        }
        if longer != features {
            let expand = Draft::Op(Op::Expand);
            x = self.push_part(part, expand, vec![x], features.to_vec())?;
        }
        Ok(x)
    }

    /// Two activations repeated to one shape, and that.
    ///
    /// # Errors
    /// As [`Self::repeated`].
    pub fn alike(
        &mut self,
        a: ValueId,
        b: ValueId,
    ) -> Result<([ValueId; 2], Vec<usize>), ImportError> {
        let shapes = [self.features(a), self.features(b)];
        let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
        let entry = |shape: &Vec<usize>, at: usize| {
            let skipped = rank - shape.len();
            let own = at.checked_sub(skipped).and_then(|at| shape.get(at));
            own.copied().unwrap_or(1)
        };
        let both = (0..rank).map(|at| shapes.iter().map(|s| entry(s, at)).max().unwrap_or(1));
        let features: Vec<usize> = both.collect();
        let a = self.repeated(a, &features, "left")?;
        let b = self.repeated(b, &features, "right")?;
        Ok(([a, b], features))
    }

    /// Lets the result's name stand for a value that exists already.
    ///
    /// # Errors
    /// [`ImportError::Graph`] if the name is taken.
    pub fn alias(&mut self, value: Value<'a>) -> Result<(), ImportError> {
        let output = self.output()?;
        self.builder.define(&output, value)
    }

    /// Gives all results of a node without operands to count, or one of several, the name of a value.
    ///
    /// # Errors
    /// [`ImportError::Graph`] if the name is taken.
    pub fn alias_output(&mut self, i: usize, value: Value<'a>) -> Result<(), ImportError> {
        match self.node.output.get(i).filter(|name| !name.is_empty()) {
            Some(name) => self.builder.define(name, value),
            None => Ok(()),
        }
    }

    /// Counts the numbers of a constant before they are computed.
    ///
    /// # Errors
    /// [`ImportError::TooLarge`] above what is computed for one model.
    pub fn compute(&mut self, numbers: usize) -> Result<(), ImportError> {
        self.builder.compute(numbers)
    }

    /// Operator of the node.
    pub fn operator(&self) -> &'a str {
        &self.node.op_type
    }
}
