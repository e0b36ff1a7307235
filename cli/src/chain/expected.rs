//! The code that must be at every address of a deployment.

use alloy::primitives::Bytes;
use eyre::{WrapErr, bail, ensure};

use super::bundle::{Bundle, Contract};
use super::code::{self, Neighbour};
use super::manifest::Manifest;
use super::poll;
use super::universal::{Mode, UniversalRecord};

/// The code that the contracts of a deployment must have if they are those of `bundle`, which is from `of`.
///
/// # Errors
/// A record that is not of this bundle, or creation code that does not run.
pub fn expected(
    manifest: &Manifest,
    bundle: &Bundle,
    of: &str,
) -> eyre::Result<Vec<(Contract, Bytes)>> {
    if bundle.info.program_digest != manifest.program_digest {
        bail!(
            "{of} is of program {}, the deployment of {}; give the other's record or folder",
            bundle.info.program_digest,
            manifest.program_digest
        );
    }
    compare(manifest, bundle, of)?;
    let derive = || -> eyre::Result<_> {
        let mut all = vec![];
        let behind = match &manifest.universal {
            None => Neighbour {
                address: manifest.halo2_verifier.address,
                code: code::halo2(bundle, Contract::Halo2Verifier)?,
            },
            Some(universal) => derive_shared(manifest, universal, bundle, &mut all)?,
        };
        let registry = Neighbour {
            address: manifest.model_registry.address,
            code: code::registry(bundle)?,
        };
        let weights = derive_weights(manifest, bundle, &behind, &mut all)?;
        all.push((
            Contract::of_inferences(bundle.info.mode),
            code::inference(bundle, &behind, weights.as_ref())?,
        ));
        if manifest.fraud_screen.is_some() {
            all.push((Contract::FraudScreen, code::screen(bundle, &registry)?));
        }
        if bundle.info.mode == Mode::Direct {
            all.push((Contract::Halo2Verifier, behind.code));
        }
        all.push((Contract::ModelRegistry, registry.code));
        all.extend(poll::expected(manifest)?);
        Ok(all)
    };
    derive().wrap_err_with(|| format!("cannot derive the code from {of}"))
}

/// The contracts that all universal models share; returns what models' verifiers call.
fn derive_shared(
    manifest: &Manifest,
    universal: &UniversalRecord,
    bundle: &Bundle,
    all: &mut Vec<(Contract, Bytes)>,
) -> eyre::Result<Neighbour> {
    let halo2 = Neighbour {
        address: manifest.halo2_verifier.address,
        code: code::halo2_universal(bundle)?,
    };
    let code = code::universal(bundle, &halo2)?;
    all.push((Contract::Halo2UniversalVerifier, halo2.code));
    all.push((Contract::UniversalVerifier, code.clone()));
    let front = universal.front();
    if universal.router.is_none() {
        return Ok(Neighbour {
            address: front,
            code,
        });
    }
    let code = code::router(bundle)?;
    all.push((Contract::VerifierRouter, code.clone()));
    Ok(Neighbour {
        address: front,
        code,
    })
}

/// Refuses a deployment record that says otherwise than the bundle from `of`: it may be another's.
fn compare(manifest: &Manifest, bundle: &Bundle, of: &str) -> eyre::Result<()> {
    let info = &bundle.info;
    ensure!(
        manifest.mode() == info.mode,
        "the deployment is in {:?} mode, {of} is of {:?} mode; give the other's record or folder",
        manifest.mode(),
        info.mode
    );
    let weights = info.weights.is_some();
    let recorded = [manifest.weight_halo2_verifier, manifest.weight_verifier].map(|c| c.is_some());
    // A universal deployment has one generated verifier for both.
    let expected = [weights && info.mode == Mode::Direct, weights];
    ensure!(
        recorded == expected,
        "the deployment records {} verifier of commitment proofs, {of} has {}: without it, models may have any weights",
        if recorded[1] && (recorded[0] || info.mode == Mode::Universal) {
            "a"
        } else {
            "no"
        },
        if weights { "one" } else { "none" }
    );
    if let Some(universal) = &manifest.universal {
        let of_weights = info.weights.as_ref().and_then(|w| w.universal.as_ref());
        ensure!(
            Some(&universal.inference) == info.universal.as_ref()
                && universal.weights.as_ref() == of_weights,
            "the deployment records other verifying keys than {of}; do not rely on it"
        );
    }
    ensure!(
        manifest.verifier_program == info.verifier_program,
        "the deployment records another verifier program than {of}; do not rely on it"
    );
    let same = (
        manifest.output_count,
        manifest.output_scale,
        manifest.output_tokens,
    ) == (info.output_count, info.output_scale, info.output_tokens)
        && (
            manifest.output_prompt,
            manifest.output_packing,
            manifest.development,
        ) == (
            info.output_prompt,
            info.output_packing,
            info.development_srs,
        )
        && manifest.output_lead == info.output_lead
        && manifest.input == info.input;
    ensure!(
        same,
        "the deployment record reads outputs otherwise than {of}, or hides that it is a development one; the record is altered or of another version"
    );
    Ok(())
}

/// The contracts of commitment proofs, if there are any.
fn derive_weights(
    manifest: &Manifest,
    bundle: &Bundle,
    front: &Neighbour,
    all: &mut Vec<(Contract, Bytes)>,
) -> eyre::Result<Option<Neighbour>> {
    let Some(verifier) = manifest.weight_verifier else {
        return Ok(None);
    };
    let code = match manifest.weight_halo2_verifier {
        None => code::weights(bundle, front)?,
        Some(halo2) => {
            let halo2 = Neighbour {
                address: halo2.address,
                code: code::halo2(bundle, Contract::WeightHalo2Verifier)?,
            };
            let code = code::weights(bundle, &halo2)?;
            all.push((Contract::WeightHalo2Verifier, halo2.code));
            code
        }
    };
    all.push((Contract::of_weights(bundle.info.mode), code.clone()));
    Ok(Some(Neighbour {
        address: verifier.address,
        code,
    }))
}
