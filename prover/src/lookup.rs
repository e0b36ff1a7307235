//! Prover of the lookup tree; the protocol is in `laminate_protocol::lookup`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::EvalClaim;
use laminate_protocol::field::fr_from_i64;
use laminate_protocol::lookup::segments::{TABLE_LOWEST, table_tag};
use laminate_protocol::lookup::{Kind, LAYER_DEGREE, LookupLayer, LookupProof, Segment, Segments};
use laminate_protocol::poly::{self, eq};
use laminate_protocol::program::Program;
use laminate_protocol::transcript::Transcript;
use rayon::prelude::*;

use crate::columns::Columns;
use crate::sumcheck::TableSumcheck;

/// Numerators and denominators of one level of the tree.
struct Level {
    p: Vec<Fr>,
    q: Vec<Fr>,
}

/// Proves all lookups; returns the proof and the claims on the segments' columns.
pub fn prove(
    transcript: &mut Transcript<Native>,
    program: &Program,
    segments: &Segments,
    columns: &Columns<'_>,
) -> (LookupProof<Fr>, Vec<EvalClaim<Fr>>) {
    let drawn = transcript.challenges(&mut Native, "lookup alpha and beta", 2);
    let leaves = leaves(program, segments, columns, drawn[0], drawn[1]);
    let mut levels = vec![leaves];
    while levels.last().is_some_and(|l| l.p.len() > 2) {
        levels.extend(levels.last().map(combine));
    }
    let mut layers = vec![];
    let mut point: Vec<Fr> = vec![];
    let mut claim = (Fr::ZERO, Fr::ONE);
    for level in levels.into_iter().rev() {
        let (layer, lower) = prove_layer(transcript, level, &point, claim);
        transcript.absorb("lookup halves", &layer.halves);
        let c = transcript.challenge(&mut Native, "lookup half");
        let [p0, p1, q0, q1] = layer.halves;
        claim = (p0 + c * (p1 - p0), q0 + c * (q1 - q0));
        point = [&[c], lower.as_slice()].concat();
        layers.push(layer);
    }
    let mut claims = vec![];
    for segment in &segments.segments {
        let low = &point[point.len() - segment.log..];
        for view in segment.kind.columns() {
            let value = poly::evaluate(&columns.values(view), low);
            claims.push(EvalClaim {
                view: view.clone(),
                point: low.to_vec(),
                value,
            });
        }
    }
    let values: Vec<Fr> = claims.iter().map(|c| c.value).collect();
    transcript.absorb("lookup columns", &values);
    (
        LookupProof {
            layers,
            columns: values,
        },
        claims,
    )
}

/// The level above: `(p, q)(x) = (p(0,x)q(1,x) + p(1,x)q(0,x), q(0,x)q(1,x))`.
fn combine(level: &Level) -> Level {
    let half = level.p.len() / 2;
    let (p0, p1) = level.p.split_at(half);
    let (q0, q1) = level.q.split_at(half);
    let (p, q) = (0..half)
        .into_par_iter()
        .with_min_len(1 << 9)
        .map(|i| (p0[i] * q1[i] + p1[i] * q0[i], q0[i] * q1[i]))
        .unzip();
    Level { p, q }
}

/// One layer's sumcheck over the halves of `level`; the root has no variables.
fn prove_layer(
    transcript: &mut Transcript<Native>,
    level: Level,
    point: &[Fr],
    (p, q): (Fr, Fr),
) -> (LookupLayer<Fr>, Vec<Fr>) {
    let half = level.p.len() / 2;
    let mut lambda = Fr::ZERO;
    if half > 1 {
        lambda = transcript.challenge(&mut Native, "lookup layer lambda");
    }
    let (p0, p1) = level.p.split_at(half);
    let (q0, q1) = level.q.split_at(half);
    let tables = [
        eq::table(point),
        p0.to_vec(),
        p1.to_vec(),
        q0.to_vec(),
        q1.to_vec(),
    ];
    // eq·(p0·q1 + p1·q0 + λ·q0·q1) with one product saved.
    let summand = |t: &[Fr; 5]| t[0] * ((t[1] + lambda * t[3]) * t[4] + t[2] * t[3]);
    let (sumcheck, lower, [_, p0, p1, q0, q1]) = TableSumcheck::new(tables, LAYER_DEGREE, &summand)
        .prove(transcript, "lookup round", p + lambda * q);
    (
        LookupLayer {
            sumcheck,
            halves: [p0, p1, q0, q1],
        },
        lower,
    )
}

fn leaves(
    program: &Program,
    segments: &Segments,
    columns: &Columns<'_>,
    alpha: Fr,
    beta: Fr,
) -> Level {
    let mut p = vec![Fr::ZERO; 1 << segments.log];
    let mut q = vec![Fr::ONE; 1 << segments.log];
    for segment in &segments.segments {
        let range = segment.offset..segment.offset + (1 << segment.log);
        fill(
            program,
            segment,
            columns,
            (alpha, beta),
            &mut p[range.clone()],
            &mut q[range],
        );
    }
    Level { p, q }
}

fn fill(
    program: &Program,
    segment: &Segment,
    columns: &Columns<'_>,
    (alpha, beta): (Fr, Fr),
    p: &mut [Fr],
    q: &mut [Fr],
) {
    match &segment.kind {
        Kind::Bytes(view) => {
            p.fill(Fr::ONE);
            let values = columns.values(view);
            q.iter_mut()
                .zip(values)
                .for_each(|(q, v)| *q = alpha - beta * v);
        }
        Kind::ByteTable(multiplicity) => {
            p.iter_mut()
                .zip(columns.values(multiplicity))
                .for_each(|(p, m)| *p = -m);
            q.iter_mut()
                .enumerate()
                .for_each(|(i, q)| *q = alpha - beta * Fr::from(i as u64));
        }
        Kind::Use {
            table,
            input,
            output,
        } => {
            p.fill(Fr::ONE);
            let pairs = columns
                .values(input)
                .into_iter()
                .zip(columns.values(output));
            for (q, (x, y)) in q.iter_mut().zip(pairs) {
                *q = alpha - table_tag(*table) - beta * (x + beta * y);
            }
        }
        Kind::Table {
            table,
            multiplicity,
        } => {
            p.iter_mut()
                .zip(columns.values(multiplicity))
                .for_each(|(p, m)| *p = -m);
            for (i, (q, value)) in q.iter_mut().zip(&program.tables[*table].values).enumerate() {
                let x = fr_from_i64(TABLE_LOWEST + i as i64);
                *q = alpha - table_tag(*table) - beta * (x + beta * fr_from_i64((*value).into()));
            }
        }
    }
}
