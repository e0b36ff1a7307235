//! LogUp-GKR against provers who look up what is not in a table, over columns that need not be bytes.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::lookup::{self, Kind, LookupProof};
use laminate_engine::transcript::Transcript;
use laminate_tests::forger::Forger;
use laminate_tests::lookup_reference::{Lie, prove};
use laminate_tests::{TestSrs, every_op, mlp};

/// A forger's lookups: its columns in the order of the segments.
struct Lookups {
    forger: Forger,
    columns: Vec<Vec<Fr>>,
}

fn lookups(case: &laminate_tests::Case) -> Lookups {
    let forger = Forger::new(case, &TestSrs::new(b"lookup", 14));
    let columns = forger.columns();
    let views = forger.verifier.trees[0]
        .segments
        .iter()
        .flat_map(|s| s.kind.columns().into_iter().cloned());
    let columns = views.map(|view| columns.values(&view)).collect();
    Lookups { forger, columns }
}

impl Lookups {
    fn transcript() -> Transcript<Native> {
        Transcript::fork(&mut Native, &Fr::from(5), 0)
    }

    fn prove(&self, lie: Lie) -> LookupProof<Fr> {
        let v = &self.forger.verifier;
        prove(
            &mut Self::transcript(),
            &v.program,
            &v.trees[0],
            &self.columns,
            lie,
        )
    }

    fn verify(&self, proof: &LookupProof<Fr>) -> Result<(), VerifyError> {
        let v = &self.forger.verifier;
        lookup::verify(&mut Native, &mut Self::transcript(), &v.trees[0], proof).map(|_| ())
    }

    /// Index of the first column of the first segment that `wanted` picks.
    fn column(&self, wanted: impl Fn(&Kind) -> bool) -> usize {
        let segments = &self.forger.verifier.trees[0].segments;
        segments
            .iter()
            .take_while(|s| !wanted(&s.kind))
            .map(|s| s.kind.columns().len())
            .sum()
    }

    /// Lies at every layer about these columns; none may be believed.
    fn every_lie_is_refused(&self, name: &str) -> usize {
        assert_eq!(
            self.verify(&self.prove(Lie::None)),
            Err(VerifyError::Check {
                check: Check::LookupRoot
            }),
            "{name}: told honestly"
        );
        let layers = self.forger.verifier.trees[0].log;
        for layer in 0..layers {
            assert!(
                self.verify(&self.prove(Lie::At(layer))).is_err(),
                "{name}: lie at layer {layer}"
            );
        }
        layers + 1
    }
}

/// The reference prover and the real one say the same, so its lies are the best lies there are.
#[test]
fn reference_prover_agrees_with_the_real_one() {
    for case in [every_op(31, 1), mlp(32, 0, &[3, 2]), mlp(33, 2, &[9, 5, 1])] {
        let lookups = lookups(&case);
        let columns = lookups.forger.columns();
        let v = &lookups.forger.verifier;
        let (real, _) =
            laminate_prover::lookup::prove(&mut Lookups::transcript(), &v.trees[0], &columns);
        let reference = lookups.prove(Lie::None);
        assert_eq!(reference, real);
        assert_eq!(lookups.verify(&reference), Ok(()));
        // A lie about a true statement is refused as well.
        assert!(
            lookups
                .verify(&lookups.prove(Lie::At(v.trees[0].log - 1)))
                .is_ok(),
            "no shift is needed"
        );
    }
}

#[test]
fn values_outside_the_byte_table_are_refused() {
    let honest = lookups(&mlp(34, 0, &[3, 2]));
    let at = honest.column(|k| matches!(k, Kind::Range { .. }));
    let mut tried = 0;
    for value in [
        Fr::from(256),
        -Fr::ONE,
        Fr::from(1 << 40),
        Fr::from(3).invert().expect("not zero"),
    ] {
        for multiplicity_of in [None, Some(0), Some(255)] {
            let mut forged = lookups(&mlp(34, 0, &[3, 2]));
            let old = std::mem::replace(&mut forged.columns[at][1], value);
            // Takes the old value off the count, and puts the new one where it does not belong.
            let table = forged.column(|k| matches!(k, Kind::RangeTable { .. }));
            let counts = &mut forged.columns[table];
            let entry = (0..256).find(|i| Fr::from(*i) == old).expect("a byte") as usize;
            counts[entry] -= Fr::ONE;
            if let Some(i) = multiplicity_of {
                counts[i] += Fr::ONE;
            }
            tried += forged.every_lie_is_refused("byte");
        }
    }
    println!("values outside the byte table: {tried} tried, 0 accepted");
}

#[test]
fn rows_outside_an_activation_table_are_refused() {
    let case = every_op(35, 0);
    let at = lookups(&case).column(|k| matches!(k, Kind::Use { .. }));
    let mut tried = 0;
    for (column, value) in [
        (0, Fr::from(2048)),
        (0, Fr::from(1 << 20)),
        (1, Fr::from(9)),
        (1, Fr::from(7).invert().expect("not zero")),
    ] {
        let mut forged = lookups(&case);
        forged.columns[at + column][0] = value;
        tried += forged.every_lie_is_refused("activation");
    }
    println!("rows outside an activation table: {tried} tried, 0 accepted");
}

#[test]
fn fractional_and_wrapped_multiplicities_are_refused() {
    let case = mlp(36, 0, &[3, 2]);
    let table = lookups(&case).column(|k| matches!(k, Kind::RangeTable { .. }));
    let mut tried = 0;
    for delta in [
        Fr::ONE,
        -Fr::ONE,
        Fr::from(2).invert().expect("odd"),
        Fr::from(1u64 << 63),
    ] {
        let mut forged = lookups(&case);
        forged.columns[table][0] += delta;
        tried += forged.every_lie_is_refused("multiplicity");
        // The sum of all multiplicities kept.
        forged.columns[table][1] -= delta;
        tried += forged.every_lie_is_refused("moved multiplicity");
    }
    println!("multiplicities: {tried} tried, 0 accepted");
}

/// With both halves of the root `0/0` its numerator is zero whatever the leaves are.
#[test]
fn zero_denominators_are_refused() {
    let honest = lookups(&mlp(37, 0, &[3, 2]));
    let layers = honest.forger.verifier.trees[0].log;
    for zeros in 1..=layers {
        let verdict = honest.verify(&honest.prove(Lie::ZeroDenominators(zeros)));
        assert!(
            matches!(verdict, Err(VerifyError::Degenerate { .. })),
            "{zeros}: {verdict:?}"
        );
    }
    // One half zero is enough for a zero denominator: p0/0 + 0/q1.
    let mut proof = honest.prove(Lie::None);
    proof.layers[0].halves[2] = Fr::ZERO;
    proof.layers[0].halves[0] = Fr::ZERO;
    assert!(matches!(
        honest.verify(&proof),
        Err(VerifyError::Degenerate { .. })
    ));
    println!("zero denominators: {} tried, 0 accepted", layers + 1);
}
