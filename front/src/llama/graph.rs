//! The graph of a Llama model, and which of its values calibration knows as which site.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::config::{BlockPart, LlamaConfig, Part};
use super::error::LlmError;
use super::float::Site;
use super::model::FloatLlama;
use super::weights::Weights;
use crate::graph::{Arithmetic, Axis, Graph, Node, Param, ParamId, Source, Value, ValueId};
use crate::ops::{Function, Op};

/// A part of a model as a parameter.
#[derive(Debug)]
struct Stored {
    weights: Arc<Weights>,
    config: LlamaConfig,
    part: Part,
    /// Length of the parameter's first axis.
    rows: usize,
}

impl Source for Stored {
    fn rows(&self, rows: Range<usize>) -> Option<Cow<'_, [f32]>> {
        if rows == (0..self.rows) {
            return self.weights.part(&self.config, self.part).map(Cow::Owned);
        }
        // A norm, one row here, is read whole; an axis of heads counts several rows.
        let (all, _) = self.config.shape(self.part);
        let each = all.checked_div(self.rows).filter(|each| *each > 0)?;
        let range = rows.start.checked_mul(each)?..rows.end.checked_mul(each)?;
        let values = self.weights.rows(&self.config, self.part, range)?;
        Some(Cow::Owned(values))
    }
}

/// The graph of a model and the site of each of its values.
pub(super) struct Sites {
    /// The graph.
    pub graph: Graph,
    /// By value.
    pub sites: Vec<Option<Site>>,
    /// The matrix that a value is computed by, by value.
    pub parts: Vec<Option<Part>>,
    /// The last norm without its scale.
    pub last_norm: ValueId,
}

/// Collects values and nodes.
struct Builder<'m> {
    model: &'m FloatLlama,
    values: Vec<Value>,
    sites: Vec<Option<Site>>,
    parts: Vec<Option<Part>>,
    params: Vec<Param>,
    nodes: Vec<Node>,
}

/// Builds the graph of a model: an input of token ids, an output of logits.
///
/// # Errors
/// [`LlmError::Graph`] if it is inconsistent.
pub(super) fn build(model: &FloatLlama) -> Result<Sites, LlmError> {
    let config = &model.config;
    let mut b = Builder {
        model,
        values: vec![],
        sites: vec![],
        parts: vec![],
        params: vec![],
        nodes: vec![],
    };
    let token = b.value("tokens", vec![], None);
    let table = b.param(Part::Embedding, &[config.vocab, config.dim]);
    let dim = || vec![Axis::fixed("dim", config.dim)];
    let embedding = Some(Site::Embedding);
    let mut x = b.node("embed", Op::Gather, &[token], &[table], dim(), embedding);
    b.computes(x, Part::Embedding);
    let first = b.nodes.len();
    for layer in 0..config.layers {
        x = b.attention(layer, x);
        x = b.mlp(layer, x);
    }
    let blocks = first..b.nodes.len();
    let last_norm = b.values.len();
    let normed = b.norm("final_norm", Part::FinalNorm, x, Site::FinalNorm);
    let head = if config.tied {
        table
    } else {
        b.param(Part::Head, &[config.vocab, config.dim])
    };
    let vocab = vec![Axis::fixed("vocab", config.vocab)];
    let logits = Some(Site::Logits);
    let output = b.node("head", Op::Contract, &[normed], &[head], vocab, logits);
    b.computes(output, Part::Head);
    let graph = Graph::new(b.values, b.params, b.nodes, token, output)?;
    let graph = graph.with_blocks("blocks", blocks, config.layers)?;
    Ok(Sites {
        graph: graph.with_arithmetic(Arithmetic::Lanes),
        sites: b.sites,
        parts: b.parts,
        last_norm,
    })
}

impl Builder<'_> {
    fn value(&mut self, name: &str, features: Vec<Axis>, site: Option<Site>) -> ValueId {
        let axes = std::iter::once(Axis::rows("token")).chain(features);
        self.values.push(Value {
            name: name.into(),
            axes: axes.collect(),
        });
        self.sites.push(site);
        self.parts.push(None);
        self.values.len() - 1
    }

    fn param(&mut self, part: Part, shape: &[usize]) -> ParamId {
        let source = Stored {
            weights: self.model.weights(),
            config: self.model.config.clone(),
            part,
            rows: shape.first().copied().unwrap_or(0),
        };
        let param = Param::new(part.to_string(), shape.to_vec(), source);
        self.params.push(param);
        self.params.len() - 1
    }

    fn node(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[ValueId],
        params: &[ParamId],
        features: Vec<Axis>,
        site: Option<Site>,
    ) -> ValueId {
        let output = self.value(name, features, site);
        self.nodes.push(Node {
            name: name.into(),
            op,
            inputs: inputs.to_vec(),
            params: params.to_vec(),
            output,
        });
        output
    }

    /// A norm and its scale: the first value is without.
    fn norm(&mut self, name: &str, part: Part, x: ValueId, site: Site) -> ValueId {
        let (dim, eps) = (self.model.config.dim, self.model.config.norm_eps);
        let axes = || vec![Axis::fixed("dim", dim)];
        let normed = self.node(name, Op::Norm { eps }, &[x], &[], axes(), Some(site));
        let scale = self.param(part, &[dim]);
        let scaled = format!("{name}_scaled");
        self.node(&scaled, Op::Scale, &[normed], &[scale], axes(), None)
    }

    /// A matrix of a block, between features of these axes.
    fn matrix(
        &mut self,
        layer: usize,
        part: BlockPart,
        x: ValueId,
        rows: Vec<Axis>,
        site: Option<Site>,
    ) -> ValueId {
        let lens = |value: &Value| value.features().collect::<Vec<_>>();
        let cols = self.values.get(x).map(lens).unwrap_or_default();
        let own = Value {
            name: String::new(),
            axes: rows.clone(),
        };
        let shape = [lens(&own), cols].concat();
        let param = self.param(Part::Block(layer, part), &shape);
        let name = format!("blocks.{layer}.{part:?}").to_lowercase();
        let output = self.node(&name, Op::Contract, &[x], &[param], rows, site);
        self.computes(output, Part::Block(layer, part));
        output
    }

    /// Notes which matrix a value is computed by.
    fn computes(&mut self, value: ValueId, part: Part) {
        if let Some(place) = self.parts.get_mut(value) {
            *place = Some(part);
        }
    }

    fn attention(&mut self, layer: usize, x: ValueId) -> ValueId {
        let config = &self.model.config;
        let (groups, shared, head) = (config.kv_heads, config.rep(), config.head_dim);
        let kv = || vec![Axis::fixed("kv", groups), Axis::fixed("head", head)];
        let query = || {
            let rep = Axis::fixed("rep", shared);
            vec![Axis::fixed("kv", groups), rep, Axis::fixed("head", head)]
        };
        let scores = || {
            let rep = Axis::fixed("rep", shared);
            vec![Axis::fixed("kv", groups), rep, Axis::rows("key")]
        };
        let dim = || vec![Axis::fixed("dim", self.model.config.dim)];
        let rotate = || Op::Rotate {
            frequencies: config.rope.frequencies(head),
        };
        let factor = 1.0 / (head as f32).sqrt();
        let (dim, turn, turn_again) = (dim(), rotate(), rotate());
        let name = |what: &str| format!("blocks.{layer}.{what}");
        let norm = Part::Block(layer, BlockPart::AttentionNorm);
        let site = Site::AttentionNorm(layer);
        let normed = self.norm(&name("attention_norm"), norm, x, site);
        let q = self.matrix(layer, BlockPart::Q, normed, query(), Some(Site::Q(layer)));
        let k = self.matrix(layer, BlockPart::K, normed, kv(), Some(Site::K(layer)));
        let v = self.matrix(layer, BlockPart::V, normed, kv(), Some(Site::V(layer)));
        let (of_q, of_k) = (Some(Site::QRot(layer)), Some(Site::KRot(layer)));
        let q = self.node(&name("q_rotated"), turn, &[q], &[], query(), of_q);
        let k = self.node(&name("k_rotated"), turn_again, &[k], &[], kv(), of_k);
        let (op, site) = (Op::Scores { factor }, Some(Site::Scores(layer)));
        let s = self.node(&name("scores"), op, &[q, k], &[], scores(), site);
        let p = self.node(&name("softmax"), Op::Softmax, &[s], &[], scores(), None);
        let site = Some(Site::Out(layer));
        let mix = self.node(&name("mix"), Op::Mix, &[p, v], &[], query(), site);
        let o = self.matrix(layer, BlockPart::O, mix, dim.clone(), None);
        let site = Some(Site::AttentionResidual(layer));
        self.node(
            &name("attention_residual"),
            Op::Add,
            &[x, o],
            &[],
            dim,
            site,
        )
    }

    fn mlp(&mut self, layer: usize, x: ValueId) -> ValueId {
        let config = &self.model.config;
        let (hidden, dim) = (config.hidden, config.dim);
        let hidden = || vec![Axis::fixed("hidden", hidden)];
        let dim = || vec![Axis::fixed("dim", dim)];
        let name = |what: &str| format!("blocks.{layer}.{what}");
        let norm = Part::Block(layer, BlockPart::MlpNorm);
        let normed = self.norm(&name("mlp_norm"), norm, x, Site::MlpNorm(layer));
        let site = Some(Site::Gate(layer));
        let gate = self.matrix(layer, BlockPart::Gate, normed, hidden(), site);
        let site = Some(Site::Up(layer));
        let up = self.matrix(layer, BlockPart::Up, normed, hidden(), site);
        let (op, site) = (Op::Unary(Function::Silu), Some(Site::Silu(layer)));
        let silu = self.node(&name("silu"), op, &[gate], &[], hidden(), site);
        let site = Some(Site::Hidden(layer));
        let product = self.node(&name("hidden"), Op::Mul, &[silu, up], &[], hidden(), site);
        let down = self.matrix(layer, BlockPart::Down, product, dim(), None);
        let site = Some(Site::MlpResidual(layer));
        self.node(&name("mlp_residual"), Op::Add, &[x, down], &[], dim(), site)
    }
}
