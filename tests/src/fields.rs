//! Every scalar and point of a folded proof by number and by name.

use std::cell::Cell;
use std::convert::Infallible;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use laminate_model::proof::NativeProof;

/// Number of scalars and points.
pub fn count(proof: &NativeProof) -> (usize, usize) {
    let (scalars, points) = (Cell::new(0), Cell::new(0));
    let Ok(_): Result<NativeProof, Infallible> = proof.try_map(
        &mut |s| {
            scalars.set(scalars.get() + 1);
            Ok(*s)
        },
        &mut |p| {
            points.set(points.get() + 1);
            Ok(*p)
        },
    );
    (scalars.get(), points.get())
}

/// The proof with scalar `index` mapped by `f`.
pub fn with_scalar(proof: &NativeProof, index: usize, f: impl Fn(Fr) -> Fr) -> NativeProof {
    let at = Cell::new(0);
    let Ok(mapped): Result<NativeProof, Infallible> = proof.try_map(
        &mut |s| {
            let i = at.replace(at.get() + 1);
            Ok(if i == index { f(*s) } else { *s })
        },
        &mut |p| Ok(*p),
    );
    mapped
}

/// The proof with point `index` mapped by `f`.
pub fn with_point(
    proof: &NativeProof,
    index: usize,
    f: impl Fn(G1Affine) -> G1Affine,
) -> NativeProof {
    let at = Cell::new(0);
    let Ok(mapped): Result<NativeProof, Infallible> = proof.try_map(&mut |s| Ok(*s), &mut |p| {
        let i = at.replace(at.get() + 1);
        Ok(if i == index { f(*p) } else { *p })
    });
    mapped
}

/// The field that scalar `index` belongs to.
pub fn scalar_name(proof: &NativeProof, index: usize) -> String {
    name(&with_scalar(proof, index, |s| s + Fr::from(1)), proof)
}

/// The field that point `index` belongs to.
pub fn point_name(proof: &NativeProof, index: usize) -> String {
    name(&with_point(proof, index, |p| -p), proof)
}

fn name(a: &NativeProof, b: &NativeProof) -> String {
    let differs = [
        ("transcript salt", a.transcript_salt != b.transcript_salt),
        ("weight salt", a.weight_salt != b.weight_salt),
        ("weight rows", a.weight_rows != b.weight_rows),
        ("input salt", a.input_salt != b.input_salt),
        ("input", a.input != b.input),
        ("output", a.output != b.output),
        ("credential", a.membership != b.membership),
        ("trace rows", a.trace_rows != b.trace_rows),
        ("lookups", a.lookups != b.lookups),
    ];
    if let Some((name, _)) = differs.iter().find(|(_, differs)| *differs) {
        return (*name).into();
    }
    let group = a.relations.iter().zip(&b.relations);
    if let Some(group) = group.into_iter().position(|(x, y)| x != y) {
        return format!("relations {group}");
    }
    a.openings
        .iter()
        .zip(&b.openings)
        .position(|(x, y)| x != y)
        .map_or("nothing".into(), |i| format!("opening {i}"))
}
