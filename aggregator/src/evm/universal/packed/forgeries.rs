//! The universal contract's forgeries against that of packed proofs, with the word behind the proof that belongs to what is altered.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use super::super::forgeries::{
    EQUIVALENT, Honest, KEY, KIND, cases, false_accumulator, mutants, refuses_by_the_check_for_it,
};
use super::super::tests::{INSTANCES, Setup, instances};
use super::*;
use crate::evm::known_secret::Trial;
use crate::evm::tests::compiler;
use crate::evm::{accumulator_limbs, encode_universal_calldata};
use crate::packed;

fn honest() -> Honest {
    let srs = Srs::development(15).unwrap();
    let setup = Setup::new(KIND, 2);
    let key = PackedKey::commit(&srs, &setup.key, INSTANCES).unwrap();
    let vk = setup.key.get_vk();
    let words = packed_key_words(vk, &key, INSTANCES).unwrap();
    let verifier = generate_packed_universal(&srs, vk, &key, INSTANCES).unwrap();
    let calldata = |limbs: &[Fr]| {
        let statement = instances(limbs, KIND, 5);
        let circuit = setup.circuit(&statement);
        let proof = packed::create_proof(&srs, &setup.key, &key, circuit, &statement).unwrap();
        encode_universal_calldata(&statement, &words, &proof)
    };
    let (bad, error) = false_accumulator(&setup);
    let good = setup.accumulator(77);
    let [good, bad] = [good, bad].map(|accumulator| calldata(&accumulator_limbs(&accumulator)));
    Honest {
        text: verifier.source.clone(),
        calldata: good,
        false_accumulator: bad,
        error,
        proof: KEY + 32 * words.len(),
        tail: 32,
        finish: Box::new(move |calldata| {
            let at = calldata.len() - 32;
            let inverse = verifier
                .witness
                .inverse(&calldata[..at])
                .unwrap_or_default();
            calldata[at..].copy_from_slice(&word(&inverse));
        }),
    }
}

#[test]
fn what_passes_the_pairing_of_packed_proofs_is_refused_by_the_check_for_it() {
    let Some(compiler) = compiler() else { return };
    refuses_by_the_check_for_it(&compiler, &honest());
}

#[test]
#[ignore = "compiles a contract for each mutant; scripts/mutate_generated.sh runs it"]
fn every_mutant_of_the_contract_of_packed_proofs_is_noticed() {
    let compiler = compiler().expect("the compiler");
    let honest = honest();
    // It has no exponentiation.
    let equivalent = EQUIVALENT.iter().copied();
    let equivalent: Vec<(&str, &str)> = equivalent
        .filter(|(name, _)| !name.contains("staticcall(gas(), 5,"))
        .collect();
    let trial = Trial {
        compiler: &compiler,
        contract: UNIVERSAL_CONTRACT,
        cases: &cases(&honest, &honest.prover(&compiler)),
        equivalent: &equivalent,
    };
    let survivors = trial.survivors(&mutants(&honest.text));
    assert!(survivors.is_empty(), "{survivors:#?}");
}
