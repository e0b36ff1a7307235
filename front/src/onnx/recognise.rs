//! Graphs that exporters write out where a later operator set has one operator: LayerNormalization and Gelu.
//!
//! A graph is found by the node that it ends with; what leads to it is imported as well, and dropped if nothing else reads it.
//! A graph that is not quite the one looked for is left as it is.

use std::collections::HashMap;

use super::is_standard;
use super::messages::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type};
use super::tensor::{Constant, Elements};

/// What a node is the end of.
#[derive(Clone, Debug, PartialEq)]
pub enum Fused<'a> {
    /// `(x - mean(x)) / sqrt(var(x) + eps)` over the last axis.
    Normalise {
        /// The operand.
        x: &'a str,
        /// Added to the variance.
        eps: f32,
    },
    /// `x·(1 + erf(x/√2))/2`.
    Gelu {
        /// The operand.
        x: &'a str,
    },
}

/// The graphs by the index of the node that they end with.
pub fn recognise(graph: &GraphProto) -> HashMap<usize, Fused<'_>> {
    let seen = Seen::new(graph);
    let nodes = graph.node.iter().enumerate();
    let found = nodes.filter_map(|(at, node)| {
        let fused = match seen.kind(node)? {
            "Div" => seen.normalise(node),
            "Mul" => seen.gelu(node),
            _ => None,
        };
        Some((at, fused?))
    });
    found.collect()
}

struct Seen<'a> {
    by_output: HashMap<&'a str, &'a NodeProto>,
    stored: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Seen<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let outputs = graph.node.iter();
        let outputs = outputs.flat_map(|node| node.output.iter().map(move |o| (o.as_str(), node)));
        let stored = graph.initializer.iter().map(|t| (t.name.as_str(), t));
        Self {
            by_output: outputs.collect(),
            stored: stored.collect(),
        }
    }

    fn kind(&self, node: &'a NodeProto) -> Option<&'a str> {
        is_standard(&node.domain).then_some(node.op_type.as_str())
    }

    /// The operands of the node that makes a value, if it is of this operator.
    fn operands(&self, name: &str, kind: &str) -> Option<(&'a NodeProto, Vec<&'a str>)> {
        let node = *self.by_output.get(name)?;
        let operands = node.input.iter().map(String::as_str).collect();
        (self.kind(node)? == kind).then_some((node, operands))
    }

    fn pair(&self, name: &str, kind: &str) -> Option<[&'a str; 2]> {
        self.operands(name, kind)?.1.try_into().ok()
    }

    fn constant(&self, name: &str) -> Option<Constant> {
        let tensor = match self.stored.get(name) {
            Some(tensor) => *tensor,
            None => {
                let (node, _) = self.operands(name, "Constant")?;
                let held =
                    |a: &&AttributeProto| a.name == "value" && a.kind == attribute_type::TENSOR;
                node.attribute.iter().find(held)?.t.as_ref()?
            }
        };
        Constant::from_proto(tensor, name).ok()
    }

    /// A constant of one number.
    fn number(&self, name: &str) -> Option<f32> {
        match self.constant(name)?.elements {
            Elements::Float(values) => match values.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            Elements::Int(_) => None,
        }
    }

    /// A constant and the other operand, in whichever order.
    fn with_number(&self, name: &str, kind: &str) -> Option<(&'a str, f32)> {
        let [a, b] = self.pair(name, kind)?;
        match (self.number(a), self.number(b)) {
            (None, Some(number)) => Some((a, number)),
            (Some(number), None) => Some((b, number)),
            _ => None,
        }
    }

    /// What a mean over the last axis, which is kept, is of.
    fn mean_of(&self, name: &str) -> Option<&'a str> {
        let (node, operands) = self.operands(name, "ReduceMean")?;
        let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name);
        let axes = match operands.get(1) {
            Some(axes) => self.constant(axes)?.integers().ok()?.to_vec(),
            None => attribute("axes")?.ints.clone(),
        };
        let kept = attribute("keepdims").is_none_or(|a| a.i == 1);
        (kept && axes == [-1]).then(|| operands.first().copied())?
    }

    /// What a value is the deviation of from its mean.
    fn deviation_of(&self, name: &str) -> Option<&'a str> {
        let [x, mean] = self.pair(name, "Sub")?;
        (self.mean_of(mean)? == x).then_some(x)
    }

    fn normalise(&self, node: &'a NodeProto) -> Option<Fused<'a>> {
        let [deviation, root] = node.input.as_slice() else {
            return None;
        };
        let x = self.deviation_of(deviation)?;
        let (_, operands) = self.operands(root, "Sqrt")?;
        let (variance, eps) = self.with_number(operands.first()?, "Add")?;
        let square = self.mean_of(variance)?;
        let [a, b] = match self.pair(square, "Pow") {
            Some([base, exponent]) if self.number(exponent)? == 2.0 => [base; 2],
            Some(_) => return None,
            None => self.pair(square, "Mul")?,
        };
        let own = [a, b].iter().all(|d| self.deviation_of(d) == Some(x));
        (own && eps >= 0.0).then_some(Fused::Normalise { x, eps })
    }

    /// Factors of a product of products: values, and the constants among them multiplied.
    fn factors(&self, names: &[String], depth: usize, out: &mut Vec<&'a str>) -> Option<f64> {
        let mut constant = 1.0;
        for name in names {
            let product = self.operands(name, "Mul").filter(|_| depth > 0);
            match (self.number(name), product) {
                (Some(number), _) => constant *= f64::from(number),
                (None, Some((node, _))) => constant *= self.factors(&node.input, depth - 1, out)?,
                (None, None) => out.push(self.name(name)?),
            }
        }
        (out.len() <= 4).then_some(constant)
    }

    /// A name as it stands in the file for as long as the graph does.
    fn name(&self, name: &str) -> Option<&'a str> {
        let made = self.by_output.values().flat_map(|node| node.input.iter());
        let mut made = made.map(String::as_str);
        made.find(|own| *own == name)
    }

    fn gelu(&self, node: &'a NodeProto) -> Option<Fused<'a>> {
        let mut factors = vec![];
        let constant = self.factors(&node.input, 2, &mut factors)?;
        let near = |a: f64, b: f64| (a - b).abs() < 1e-4;
        let [a, b] = factors.as_slice() else {
            return None;
        };
        let end = |x: &'a str, sum: &str| {
            let (erf, one) = self.with_number(sum, "Add")?;
            let (_, operands) = self.operands(erf, "Erf")?;
            let argument = operands.first()?;
            let (of, by) = match self.with_number(argument, "Mul") {
                Some((of, by)) => (of, f64::from(by)),
                None => {
                    let [of, by] = self.pair(argument, "Div")?;
                    (of, f64::from(self.number(by)?).recip())
                }
            };
            let fits = of == x && near(by, std::f64::consts::FRAC_1_SQRT_2) && one == 1.0;
            fits.then_some(Fused::Gelu { x })
        };
        near(constant, 0.5).then(|| end(a, b).or_else(|| end(b, a)))?
    }
}
