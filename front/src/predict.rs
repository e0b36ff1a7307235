//! What a program gives: margins, the model's own response, a class, or a decision by a threshold.
//!
//! Of a network that is a matter of its last nodes. A sigmoid or softmax rises with what it is of, so a threshold on a
//! probability is one on a logit, and the class of the largest probability is that of the largest logit: the function is
//! left out, and nothing of it is rounded. [`crate::trees::head`] does the same for trees.

use thiserror::Error;

use crate::graph::{Graph, GraphError, ValueId};
use crate::ops::{Function, Op};

/// What a program gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Predict {
    /// Sums before the last function: of leaves, or logits.
    Margin,
    /// What the model gives: probabilities, expectations.
    #[default]
    Response,
    /// The index of a class.
    Class,
}

impl Predict {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Margin => "margin",
            Self::Response => "response",
            Self::Class => "class",
        }
    }
}

/// What a threshold is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// A probability, which is decided on the logit behind it.
    Probability,
    /// The number itself: a margin, or a response that is no probability.
    Value,
}

impl Score {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Probability => "probability",
            Self::Value => "value",
        }
    }
}

/// A threshold that was asked for: class 1 from it on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The least score of class 1.
    pub least: f64,
    /// What of.
    pub of: Score,
}

/// A network that gives what was asked for.
#[derive(Clone, Debug)]
pub struct Headed {
    /// Its graph.
    pub graph: Graph,
    /// The threshold of its decision, if it is by one.
    pub threshold: Option<Threshold>,
}

/// Why a network has no such output.
#[derive(Debug, Error, PartialEq)]
pub enum PredictError {
    /// A class of one number, or a threshold on several.
    #[error("{wanted}: the model gives {found}; expected {expected}")]
    Output {
        /// What was asked for.
        wanted: &'static str,
        /// What the model's last nodes are.
        found: String,
        /// What it is for.
        expected: &'static str,
    },
    /// A threshold that decides every input alike, or is none.
    #[error("threshold {found}: expected {expected}")]
    Threshold {
        /// The threshold.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A threshold on a class.
    #[error(
        "a threshold makes a class already: it is on the response, or with --predict margin on what is before the \
         last function; leave --predict class out"
    )]
    Both,
    /// The graph cannot be cut.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// The function that a model ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    None,
    /// A sigmoid of each number.
    Sigmoid,
    /// A softmax of all numbers of a row.
    Softmax,
    /// Its logarithm.
    LogSoftmax,
    /// A softmax of some of them.
    Parts,
}

/// A model's last function, and what it is of.
struct Last {
    link: Link,
    from: ValueId,
    /// Numbers of a row.
    width: usize,
}

impl Last {
    fn of(graph: &Graph) -> Self {
        let width = graph.width(graph.output());
        let found = |link, from| Self { link, from, width };
        let mut id = graph.output();
        while let Some(node) = graph.producer(id) {
            let Some(&from) = node.inputs.first() else {
                break;
            };
            match node.op {
                // A logarithm rises, too.
                Op::Reshape | Op::Unary(Function::Log) => id = from,
                Op::Unary(Function::Sigmoid) if plain(graph, id) => {
                    return found(Link::Sigmoid, from);
                }
                Op::Share { axis } => {
                    let features = graph.values().get(from).map(|v| v.features());
                    let own = features.and_then(|mut features| features.nth(axis));
                    let link = match own == Some(width) {
                        true if plain(graph, id) => Link::Softmax,
                        true => Link::LogSoftmax,
                        false => Link::Parts,
                    };
                    return found(link, from);
                }
                _ => break,
            }
        }
        found(Link::None, graph.output())
    }

    /// In words.
    fn describe(&self) -> String {
        let count = match self.width {
            1 => "one number".to_owned(),
            width => format!("{width} numbers"),
        };
        match self.link {
            Link::None => count,
            Link::Sigmoid => format!("{count} behind a sigmoid"),
            Link::Softmax => format!("{count} behind a softmax"),
            Link::LogSoftmax => format!("{count}, logarithms of a softmax"),
            Link::Parts => format!("{count} behind softmaxes of some of them each"),
        }
    }
}

/// Whether nothing but reshapes is between a value and the output.
fn plain(graph: &Graph, value: ValueId) -> bool {
    let mut id = graph.output();
    while id != value {
        match graph.producer(id) {
            Some(node) if node.op == Op::Reshape => id = *node.inputs.first().unwrap_or(&value),
            _ => return false,
        }
    }
    true
}

/// The network that gives `predict`, its own response if it is none, or with a threshold 1 from it on and 0 below. A
/// threshold of a model with two outputs behind a softmax is on the second one.
///
/// # Errors
/// [`PredictError`] where the model has no such output, or the threshold is none.
pub fn network(
    graph: Graph,
    predict: Option<Predict>,
    threshold: Option<f64>,
) -> Result<Headed, PredictError> {
    let last = Last::of(&graph);
    let plain = |graph| Headed {
        graph,
        threshold: None,
    };
    match (predict.unwrap_or_default(), threshold) {
        (Predict::Class, Some(_)) => Err(PredictError::Both),
        (Predict::Class, None) => class(&graph, &last),
        (Predict::Response, None) => Ok(plain(graph)),
        (Predict::Margin, None) => Ok(plain(graph.until(last.from)?)),
        (predict, Some(least)) => decided(&graph, &last, predict, least),
    }
}

fn class(graph: &Graph, last: &Last) -> Result<Headed, PredictError> {
    match (last.width, last.link) {
        (1, Link::Sigmoid) => decided(graph, last, Predict::Response, 0.5),
        (1, _) | (_, Link::Parts) => Err(PredictError::Output {
            wanted: "the class of a row",
            found: last.describe(),
            expected: "one number behind a sigmoid, or several of which the largest is the class; for one number that is no \
                       probability give --threshold",
        }),
        (_, _) => Ok(Headed {
            graph: graph
                .until(last.from)?
                .followed_by(Op::ArgMax, "class", &[1])?,
            threshold: None,
        }),
    }
}

/// 1 where the score is at least `least`.
fn decided(
    graph: &Graph,
    last: &Last,
    predict: Predict,
    least: f64,
) -> Result<Headed, PredictError> {
    let of = match (last.width, last.link, predict) {
        (1, Link::Sigmoid, Predict::Response) | (2, Link::Softmax, Predict::Response) => {
            Score::Probability
        }
        (1, Link::None, _) | (1, Link::Sigmoid, _) | (2, Link::Softmax, _) => Score::Value,
        _ => {
            return Err(PredictError::Output {
                wanted: "a threshold",
                found: last.describe(),
                expected: "one number, or two behind a softmax; for the class of several give --predict class",
            });
        }
    };
    let wrong = |expected| PredictError::Threshold {
        found: least,
        expected,
    };
    let at = match of {
        Score::Probability if least > 0.0 && least < 1.0 => libm::log(least / (1.0 - least)),
        Score::Probability => {
            return Err(wrong(
                "a probability between 0 and 1: no other decides anything",
            ));
        }
        Score::Value if least.is_finite() => least,
        Score::Value => return Err(wrong("a finite number")),
    };
    let name = match last.width {
        1 => format!("{} >= {least}", of.name()),
        _ => format!("{} of 1 >= {least}", of.name()),
    };
    let step = Op::Step { least: at };
    Ok(Headed {
        graph: graph.until(last.from)?.followed_by(step, name, &[1])?,
        threshold: Some(Threshold { least, of }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Node, Value};

    /// A row of `width` numbers, and ops on it one after the other.
    fn model(width: usize, ops: &[Op]) -> Graph {
        let values = (0..=ops.len()).map(|_| Value::new("t", &[width])).collect();
        let node = |(at, op): (usize, &Op)| Node {
            name: format!("n{at}"),
            op: op.clone(),
            inputs: vec![at],
            params: vec![],
            output: at + 1,
        };
        let nodes = ops.iter().enumerate().map(node).collect();
        Graph::new(values, vec![], nodes, 0, ops.len()).expect("a graph")
    }

    const SIGMOID: Op = Op::Unary(Function::Sigmoid);
    const SOFTMAX: Op = Op::Share { axis: 0 };

    fn run(headed: &Headed, row: &[f32]) -> Vec<f32> {
        headed.graph.run(&[row]).expect("run").remove(0)
    }

    #[test]
    fn thresholds_are_on_what_is_before_the_last_function() {
        let logistic = model(1, &[Op::Abs, SIGMOID, Op::Reshape]);
        let half = network(logistic.clone(), None, Some(0.5)).expect("a threshold");
        assert_eq!(
            half.threshold,
            Some(Threshold {
                least: 0.5,
                of: Score::Probability
            })
        );
        assert_eq!(half.graph.nodes().len(), 2, "no sigmoid");
        assert_eq!(half.graph.nodes()[1].op, Op::Step { least: 0.0 });
        let high = network(logistic.clone(), Some(Predict::Response), Some(0.75)).expect("high");
        for x in [0.0f32, 1.0, 1.0986, 1.0987, 5.0] {
            let probability = 1.0 / (1.0 + (-x).exp());
            assert_eq!(run(&high, &[x]), [f32::from(u8::from(probability >= 0.75))]);
        }
        let margin = network(logistic, Some(Predict::Margin), Some(2.0)).expect("a margin");
        assert_eq!(margin.threshold.map(|t| t.of), Some(Score::Value));
        assert_eq!(
            (run(&margin, &[1.9]), run(&margin, &[-2.0])),
            (vec![0.0], vec![1.0])
        );
        let linear = network(model(1, &[Op::Abs]), None, Some(-1.5)).expect("linear");
        assert_eq!(linear.threshold.map(|t| t.of), Some(Score::Value));

        let two = network(model(2, &[Op::Abs, SOFTMAX]), None, Some(0.9)).expect("two");
        // e^2.2 / (1 + e^2.2) = 0.9002.
        assert_eq!(
            (run(&two, &[1.0, 3.2]), run(&two, &[1.0, 3.19])),
            (vec![1.0], vec![0.0])
        );
    }

    #[test]
    fn classes_are_those_of_the_largest_logit() {
        for ops in [
            &[Op::Abs, SOFTMAX][..],
            &[Op::Abs, SOFTMAX, Op::Unary(Function::Log)],
            &[Op::Abs, SIGMOID],
            &[Op::Abs],
        ] {
            let class = network(model(3, ops), Some(Predict::Class), None).expect("a class");
            assert_eq!(class.graph.nodes().len(), 2, "{ops:?}");
            assert_eq!(run(&class, &[1.0, -4.0, 4.0]), [1.0]);
        }
        let class = network(model(1, &[SIGMOID]), Some(Predict::Class), None).expect("a class");
        assert_eq!(class.graph.nodes()[0].op, Op::Step { least: 0.0 });
        let margin = network(model(3, &[Op::Abs, SOFTMAX]), Some(Predict::Margin), None);
        assert_eq!(
            run(&margin.expect("margins"), &[1.0, -4.0, 4.0]),
            [1.0, 4.0, 4.0]
        );
    }

    #[test]
    fn outputs_without_a_decision_are_refused() {
        let refused = |width, ops: &[Op], predict, threshold| {
            let found = network(model(width, ops), predict, threshold);
            found.expect_err("refused").to_string()
        };
        for (expected, found) in [
            (
                "3 numbers behind a softmax; expected one number",
                refused(3, &[SOFTMAX], None, Some(0.5)),
            ),
            (
                "a threshold: the model gives 2 numbers; expected",
                refused(2, &[Op::Abs], None, Some(0.5)),
            ),
            (
                "2 numbers, logarithms of a softmax",
                refused(2, &[SOFTMAX, Op::Unary(Function::Log)], None, Some(-0.5)),
            ),
            (
                "2 numbers behind a sigmoid",
                refused(2, &[SIGMOID], None, Some(0.5)),
            ),
            (
                "the class of a row: the model gives one number; expected",
                refused(1, &[Op::Abs], Some(Predict::Class), None),
            ),
            (
                "threshold 1: expected a probability between 0 and 1",
                refused(1, &[SIGMOID], None, Some(1.0)),
            ),
            (
                "threshold NaN",
                refused(1, &[SIGMOID], None, Some(f64::NAN)),
            ),
            (
                "threshold inf: expected a finite number",
                refused(1, &[Op::Abs], None, Some(f64::INFINITY)),
            ),
            (
                "leave --predict class out",
                refused(1, &[SIGMOID], Some(Predict::Class), Some(0.5)),
            ),
        ] {
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}
