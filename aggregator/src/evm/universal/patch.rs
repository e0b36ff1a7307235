//! The contract of another ceremony without a compiler.
//!
//! The text depends on the ceremony in its comment and in four literals, the coordinates of `−τ·G2` ([`super::emit`]). The compiler pushes each with
//! `PUSH32`, so the code for another `τ·G2` is the same but for these four words; [`for_setup`] puts them in.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fq2, G2Affine};

use super::{
    super::{compile::CompiledContract, error::EvmError},
    Word, word,
};

/// The instruction before each word.
const PUSH32: u8 = 0x7f;

/// The contract for `τ·G2 = to`, from the compiled one for `from`: byte for byte what the compiler makes of [`super::generate_universal`]'s text.
///
/// # Errors
/// [`EvmError::SetupWords`]: code that does not push each of the four words of `from` exactly once, or a word of either that begins with a zero byte, which
/// the compiler pushes with a shorter instruction (one ceremony of twelve; its contract must be compiled).
pub fn for_setup(
    contract: &CompiledContract,
    from: &G2Affine,
    to: &G2Affine,
) -> Result<CompiledContract, EvmError> {
    Ok(CompiledContract {
        creation: replace(&contract.creation, from, to)?,
        runtime: replace(&contract.runtime, from, to)?,
        abi: contract.abi.clone(),
    })
}

/// The words of `−τ·G2` in the order of the pairing's input: `x.c1, x.c0, y.c1, y.c0`.
pub(super) fn setup_words(s_g2: &G2Affine) -> [Word; 4] {
    let G2Affine {
        x: Fq2 { c0: x0, c1: x1 },
        y: Fq2 { c0: y0, c1: y1 },
    } = -*s_g2;
    [x1, x0, y1, y0].map(|coordinate| word(&coordinate))
}

/// Replaces the word after each of the four instructions.
fn replace(code: &[u8], from: &G2Affine, to: &G2Affine) -> Result<Vec<u8>, EvmError> {
    let [from, to] = [from, to].map(setup_words);
    if from.iter().chain(&to).any(|word| word[0] == 0) {
        return Err(EvmError::SetupWords {
            reason: "a coordinate of its τ·G2 begins with a zero byte".to_owned(),
        });
    }
    let mut patched = code.to_vec();
    for (place, (old, new)) in from.iter().zip(&to).enumerate() {
        let mut found = code
            .windows(33)
            .enumerate()
            .filter(|(_, window)| window.split_first() == Some((&PUSH32, old.as_slice())));
        let (Some((at, _)), None) = (found.next(), found.next()) else {
            return Err(EvmError::SetupWords {
                reason: format!("word {place} of the other τ·G2 is not pushed exactly once"),
            });
        };
        patched[at + 1..at + 33].copy_from_slice(new);
    }
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use halo2_base::halo2_proofs::halo2curves::{
        bn256::{Fr, G2},
        group::Curve,
    };

    use super::*;
    use crate::evm::{
        SolcCompiler,
        universal::tests::{Kind, Setup},
    };
    use crate::srs::Srs;

    #[test]
    fn the_patched_code_is_what_the_compiler_makes() {
        let kind = Kind {
            k: 10,
            addend: 5,
            lookup_bits: Some(8),
        };
        let setup = Setup::new(kind, 2);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let compiler = match SolcCompiler::find(&root) {
            Ok(compiler) => compiler,
            Err(error) => {
                println!("skipped: {error}");
                return;
            }
        };
        let compiled = |srs: &Srs| {
            let contract = super::super::generate_universal(
                srs,
                setup.key.get_vk(),
                super::super::tests::INSTANCES,
            );
            contract.unwrap().compile(&compiler).unwrap()
        };
        let development = Srs::development(kind.k).unwrap();
        let template = compiled(&development);
        let mut short = 0;
        for secret in 2u64.. {
            let srs = Srs::of_secret(kind.k, Fr::from(secret));
            let patched = for_setup(&template, &development.s_g2(), &srs.s_g2());
            if setup_words(&srs.s_g2()).iter().any(|word| word[0] == 0) {
                assert!(matches!(patched, Err(EvmError::SetupWords { .. })));
                short += 1;
            } else if secret < 4 {
                let patched = patched.unwrap();
                assert!(patched == compiled(&srs), "secret {secret}");
                // And back.
                let back = for_setup(&patched, &srs.s_g2(), &development.s_g2()).unwrap();
                assert!(back == template);
            }
            if secret > 3 && short > 0 {
                println!("secret {secret} has a short word");
                break;
            }
        }
        let other = (G2::generator() * Fr::from(77)).to_affine();
        let (s_g2, refused) = (development.s_g2(), |result| {
            matches!(result, Err(EvmError::SetupWords { .. }))
        });
        assert!(
            refused(for_setup(&template, &other, &s_g2)),
            "not its words"
        );
        let mut twice = template.clone();
        twice.runtime.extend_from_within(..);
        assert!(refused(for_setup(&twice, &s_g2, &other)), "words twice");
    }
}
