//! `[scale·y = Σ_i a_i·x_i + offset]` inside bounds: shifts, slices, strides, windows, dilations, upsampling.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::automaton::{self, Variable};
use super::cost::Cost;
use super::pairs::{Pair, Pairs};
use crate::backend::Backend;
use crate::poly::eq;

/// A view axis in the relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearTerm {
    /// The axis.
    pub axis: usize,
    /// Its coefficient.
    pub coefficient: i64,
    /// Entries below this are related to anything.
    pub size: usize,
}

/// The relation; entries outside every bound are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// View axes.
    pub terms: Vec<LinearTerm>,
    /// Coefficient of `y`, positive.
    pub scale: i64,
    /// Constant.
    pub offset: i64,
    /// Entries of the block's axis below this are related to anything.
    pub size: usize,
}

/// Most places that are tried when a relation is written as pairs.
const MAX_PLACES: usize = 1 << 16;
/// Most non-zeros that are written as pairs.
pub const MAX_PAIRS: usize = 1 << 12;
/// Longest axis, as a log2, whose equality table pairs are evaluated with.
pub const MAX_PAIRS_LOG: usize = 12;

/// How an extension is evaluated.
#[derive(Clone, Debug)]
enum Form {
    /// `[y = x]` below a bound.
    SameBelow(usize),
    /// `[y = x + 1]`.
    Next,
    /// `[y = x - 1]`.
    Previous,
    /// By non-zeros.
    Pairs(Pairs),
    /// By bits.
    Automaton,
}

impl Linear {
    /// `y = x + offset` for `x` below `view_size` and `y` below `size`.
    pub fn shift(axis: usize, view_size: usize, offset: i64, size: usize) -> Self {
        let term = LinearTerm {
            axis,
            coefficient: 1,
            size: view_size,
        };
        Self {
            terms: vec![term],
            scale: 1,
            offset,
            size,
        }
    }

    /// Whether the relation holds at indices of all view axes; the definition.
    pub fn relates(&self, view: &[usize], y: usize) -> bool {
        let mut sum = self.offset;
        for term in &self.terms {
            let x = view.get(term.axis).copied().unwrap_or(0);
            if x >= term.size {
                return false;
            }
            sum += term.coefficient * x as i64;
        }
        y < self.size && self.scale * y as i64 == sum
    }

    /// The `y` of indices of the terms' axes inside their bounds.
    fn target(&self, at: &[usize]) -> Option<usize> {
        let pairs = self.terms.iter().zip(at);
        let sum = pairs.fold(self.offset, |sum, (term, x)| {
            sum + term.coefficient * *x as i64
        });
        let y = usize::try_from(sum.div_euclid(self.scale)).ok()?;
        (sum.rem_euclid(self.scale) == 0 && y < self.size).then_some(y)
    }

    /// The `y` that is related to indices of all view axes.
    pub fn target_of(&self, view: &[usize]) -> Option<usize> {
        let at: Vec<usize> = self
            .terms
            .iter()
            .filter_map(|t| view.get(t.axis).copied())
            .collect();
        let inside = self.terms.iter().zip(&at).all(|(term, x)| *x < term.size);
        self.target(&at).filter(|_| inside)
    }

    /// Number of places inside the bounds of the view's axes.
    fn places(&self) -> usize {
        let sizes = self.terms.iter().map(|t| t.size);
        sizes.fold(1usize, usize::saturating_mul)
    }

    /// Runs over all indices of the terms' axes inside their bounds.
    fn each(&self, mut run: impl FnMut(&[usize])) {
        let mut at = vec![0usize; self.terms.len()];
        for place in 0..self.places() {
            let mut rest = place;
            for (slot, term) in at.iter_mut().zip(&self.terms).rev() {
                *slot = rest % term.size.max(1);
                rest /= term.size.max(1);
            }
            run(&at);
        }
    }

    /// Adds `A(τ; ·)`.
    pub fn add_to(&self, view: &[&[Fr]], out: &mut [Fr]) {
        let points = self
            .terms
            .iter()
            .map(|t| view.get(t.axis).copied().unwrap_or(&[]));
        let tables: Vec<Vec<Fr>> = points.map(eq::table).collect();
        self.each(|at| {
            let entry = self.target(at).and_then(|y| out.get_mut(y));
            if let Some(entry) = entry {
                let factors = tables.iter().zip(at).filter_map(|(t, i)| t.get(*i));
                *entry += factors.product::<Fr>();
            }
        });
    }

    /// The non-zeros, if they are few.
    pub fn pairs(&self) -> Option<Pairs> {
        if self.places() > MAX_PLACES {
            return None;
        }
        let mut entries = vec![];
        self.each(|at| {
            entries.extend(self.target(at).map(|y| Pair {
                view: at.to_vec(),
                y,
                coefficient: 1,
            }));
        });
        let axes = self.terms.iter().map(|t| t.axis).collect();
        (entries.len() <= MAX_PAIRS).then(|| Pairs {
            axes,
            entries: entries.into(),
        })
    }

    /// The automaton's variables: those of the view, then `y`.
    fn variables<'p, S>(&self, view: &[&'p [S]], y: &'p [S]) -> Vec<Variable<'p, S>> {
        let terms = self.terms.iter().map(|term| Variable {
            coefficient: term.coefficient,
            point: view.get(term.axis).copied().unwrap_or(&[]),
            size: term.size,
        });
        let own = Variable {
            coefficient: -self.scale,
            point: y,
            size: self.size,
        };
        terms.chain(std::iter::once(own)).collect()
    }

    /// The form that costs least at points of these lengths: the same for prover, verifier and circuit.
    fn form(&self, logs: &[usize], log: usize) -> Form {
        if let ([term], 1) = (self.terms.as_slice(), self.scale)
            && term.coefficient == 1
            && logs.get(term.axis) == Some(&log)
        {
            let full = term.size >= 1 << log && self.size >= 1 << log;
            match self.offset {
                0 => return Form::SameBelow(term.size.min(self.size)),
                1 if full => return Form::Next,
                -1 if full => return Form::Previous,
                _ => {}
            }
        }
        let mut read = self.terms.iter().filter_map(|t| logs.get(t.axis));
        let short = log <= MAX_PAIRS_LOG && read.all(|log| *log <= MAX_PAIRS_LOG);
        let Some(pairs) = self.pairs().filter(|_| short) else {
            return Form::Automaton;
        };
        let by_pairs = Cost::of(logs, log, |backend, view, y| {
            pairs.evaluate(backend, view, y);
        });
        let by_bits = Cost::of(logs, log, |backend, view, y| {
            automaton::evaluate(backend, &self.variables(view, y), -self.offset);
        });
        if by_bits < by_pairs {
            Form::Automaton
        } else {
            Form::Pairs(pairs)
        }
    }

    /// The extension of `Σ_y A(x; y)`, if that is `[x < n]`.
    pub fn total_below<B: Backend>(
        &self,
        backend: &mut B,
        view: &[&[B::Scalar]],
        log: usize,
    ) -> Option<B::Scalar> {
        let [term] = self.terms.as_slice() else {
            return None;
        };
        let x = view.get(term.axis).copied()?;
        let same = (self.scale, term.coefficient, self.offset) == (1, 1, 0) && x.len() == log;
        same.then(|| eq::below(backend, term.size.min(self.size), x))
    }

    /// The extension.
    pub fn evaluate<B: Backend>(
        &self,
        backend: &mut B,
        view: &[&[B::Scalar]],
        y: &[B::Scalar],
    ) -> B::Scalar {
        let logs: Vec<usize> = view.iter().map(|p| p.len()).collect();
        let x = self.terms.first().and_then(|t| view.get(t.axis)).copied();
        let x = x.unwrap_or(&[]);
        match self.form(&logs, y.len()) {
            Form::SameBelow(size) => same_below(backend, size, x, y),
            Form::Next => eq::successor(backend, x, y),
            Form::Previous => eq::successor(backend, y, x),
            Form::Pairs(pairs) => pairs.evaluate(backend, view, y),
            Form::Automaton => automaton::evaluate(backend, &self.variables(view, y), -self.offset),
        }
    }
}

/// The extension of `[x = y]·[x < size]`: a sum over the ones of `size`, where the bits before are equal to its own.
pub fn same_below<B: Backend>(
    backend: &mut B,
    size: usize,
    x: &[B::Scalar],
    y: &[B::Scalar],
) -> B::Scalar {
    let n = x.len();
    if size >> n > 0 {
        return eq::evaluate(backend, x, y);
    }
    // Products of the equalities of the last bits.
    let mut equal = vec![backend.constant(Fr::ONE)];
    for (a, b) in x.iter().zip(y).rev() {
        let (a, b) = (std::slice::from_ref(a), std::slice::from_ref(b));
        let factor = eq::evaluate(backend, a, b);
        let product = match equal.last() {
            Some(last) if equal.len() > 1 => backend.mul(last, &factor),
            _ => factor,
        };
        equal.push(product);
    }
    let mut sum = backend.constant(Fr::ZERO);
    let mut prefix: Option<B::Scalar> = None;
    for (i, (a, b)) in x.iter().zip(y).enumerate() {
        let both = backend.mul(a, b);
        // (1 - a)(1 - b)
        let neither = backend.linear(
            Fr::ONE,
            &[
                (-Fr::ONE, a.clone()),
                (-Fr::ONE, b.clone()),
                (Fr::ONE, both.clone()),
            ],
        );
        let one = (size >> (n - 1 - i)) & 1 == 1;
        if let (true, Some(rest)) = (one, equal.get(n - 1 - i)) {
            let term = backend.mul(&neither, rest);
            sum = match &prefix {
                None => term,
                Some(prefix) => backend.mul_add(prefix, &term, &sum),
            };
        }
        let factor = if one { both } else { neither };
        prefix = Some(match prefix {
            None => factor,
            Some(prefix) => backend.mul(&prefix, &factor),
        });
    }
    sum
}
