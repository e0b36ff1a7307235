//! Provers of the relations without sumchecks: row sums and the gaps of an argmax.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::relations::{Gap, RelationProof, RowSum, row_sum};
use laminate_engine::transcript::Transcript;

use crate::columns::Columns;

pub(super) fn row_sum(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &RowSum,
) -> (RelationProof<Fr>, Vec<EvalClaim<Fr>>) {
    let row = transcript.challenges(&mut Native, "row sum point", relation.row_log());
    let evaluations: Vec<Fr> = relation
        .total
        .iter()
        .map(|total| columns.evaluate(total, &row))
        .collect();
    transcript.absorb("row sum", &evaluations);
    let total = evaluations.first().copied().unwrap_or(Fr::ONE);
    let claims = row_sum::claims(&mut Native, relation, &row, &total);
    let proof = RelationProof {
        sumchecks: vec![],
        evaluations,
    };
    (proof, claims)
}

pub(super) fn gap(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &Gap,
) -> (RelationProof<Fr>, Vec<EvalClaim<Fr>>) {
    let [slots, tokens] = relation.logs;
    let point = transcript.challenges(&mut Native, "argmax point", slots + tokens);
    let points = [point[..slots].to_vec(), point.clone(), point];
    let claims: Vec<EvalClaim<Fr>> = relation
        .columns
        .iter()
        .zip(points)
        .map(|(view, point)| EvalClaim {
            view: view.clone(),
            value: columns.evaluate(view, &point),
            point,
        })
        .collect();
    let evaluations: Vec<Fr> = claims.iter().map(|c| c.value).collect();
    transcript.absorb("argmax evaluations", &evaluations);
    let proof = RelationProof {
        sumchecks: vec![],
        evaluations,
    };
    (proof, claims)
}
