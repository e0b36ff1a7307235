//! Prover of element-wise relations; the protocol is in `laminate_protocol::relations::elementwise`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::EvalClaim;
use laminate_protocol::poly::{self, eq};
use laminate_protocol::relations::elementwise::ZERO_CHECK_DEGREE;
use laminate_protocol::relations::{Elementwise, LayerProof};
use laminate_protocol::transcript::Transcript;

use crate::columns::Columns;
use crate::sumcheck::TableSumcheck;

/// Most columns that a quadratic relation of the catalogue has, and the equality table.
const TABLES: usize = 6;

pub(super) fn prove(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &Elementwise,
) -> (LayerProof<Fr>, Vec<EvalClaim<Fr>>) {
    let tau = transcript.challenges(&mut Native, "zero-check point", relation.log());
    let values: Vec<Vec<Fr>> = relation
        .columns
        .iter()
        .map(|view| columns.values(view))
        .collect();
    let mut point = tau.clone();
    let mut sumchecks = vec![];
    let evaluations: Vec<Fr> = match &relation.quadratic {
        None => values.iter().map(|v| poly::evaluate(v, &tau)).collect(),
        Some(quadratic) => {
            let count = values.len();
            let size = 1 << relation.log();
            let mut tables: [Vec<Fr>; TABLES] = std::array::from_fn(|_| vec![Fr::ZERO; size]);
            for (table, column) in tables.iter_mut().zip(values) {
                *table = column;
            }
            tables[TABLES - 1] = eq::table(&tau);
            let summand = |t: &[Fr; TABLES]| t[TABLES - 1] * quadratic.evaluate(t);
            let (messages, last, at) = TableSumcheck::new(tables, ZERO_CHECK_DEGREE, &summand)
                .prove(transcript, "zero-check round", Fr::ZERO);
            sumchecks.push(messages);
            point = last;
            at[..count].to_vec()
        }
    };
    transcript.absorb("column evaluations", &evaluations);
    let claims = relation
        .columns
        .iter()
        .zip(&evaluations)
        .map(|(view, value)| EvalClaim {
            view: view.clone(),
            point: point.clone(),
            value: *value,
        })
        .collect();
    (
        LayerProof {
            sumchecks,
            evaluations,
        },
        claims,
    )
}
