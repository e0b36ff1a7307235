//! The commitment proofs of a model in shards: one for each shard whose inferences leave its weights unchecked, of its
//! weights and of no others.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_model::proof::NativeProof;
use laminate_model::shards::{ShardError, WeightSet};
use laminate_model::statement::Statement;
use laminate_prover::prove::{Model, prove_weights};
use laminate_tests::attack::srs;
use laminate_tests::shards::{self, Sharded, model, options};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

#[test]
fn every_unchecked_shard_has_a_commitment_proof() {
    let mut compiled = shards::compile(&model(1, 5, false), &options(true), 2);
    // The second of three shows the range of its weights itself.
    for (i, shard) in compiled.iter_mut().enumerate() {
        shard.program.check_weights = i == 1;
    }
    let sharded = Sharded::new(compiled, srs(), 1);
    let set = WeightSet::new(&sharded.set).expect("a set");
    let places: Vec<usize> = set.shards().iter().map(|s| s.shard).collect();
    assert_eq!(places, [0, 2]);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let proven: (Vec<Statement<Fr>>, Vec<NativeProof>) = places
        .iter()
        .map(|shard| {
            let (program, weights) = &sharded.shards[*shard];
            let model = Model::new(program.weights_program(), weights).expect("weights");
            let secret = &sharded.secrets[*shard];
            prove_weights(&model, secret, &srs().powers, &mut rng, &|_| {}).expect("prove")
        })
        .unzip();
    let (statements, proofs) = &proven;
    let tau = &srs().tau_g2;
    assert_eq!(set.verify(statements, proofs, tau), Ok(()));
    let foreign = |statements: &[Statement<Fr>], shard: usize, what: &'static str| {
        let refused = Err(ShardError::Foreign { shard, what });
        assert_eq!(set.check_statements(statements), refused);
        assert_eq!(set.verify(statements, proofs, tau), refused);
    };
    for (i, shard) in [(0, 0), (1, 2)] {
        let mut other = statements.clone();
        other[i].program_digest += Fr::ONE;
        foreign(&other, shard, "program digest");
        let mut other = statements.clone();
        other[i].weight_commitment += Fr::ONE;
        foreign(&other, shard, "weight commitment");
    }
    let swapped = [statements[1].clone(), statements[0].clone()];
    let refused = set.check_statements(&swapped);
    assert!(matches!(refused, Err(ShardError::Foreign { shard: 0, .. })));
    let few = |found: usize| Err(ShardError::WeightProofs { found, expected: 2 });
    for count in [0, 1] {
        assert_eq!(set.check_statements(&statements[..count]), few(count));
        assert_eq!(set.verify(statements, &proofs[..count], tau), few(count));
        assert_eq!(set.verify(&statements[..count], proofs, tau), few(count));
    }
    let more = [statements.as_slice(), &statements[..1]].concat();
    assert_eq!(set.check_statements(&more), few(3));
    // The proofs in another order are those of other weights.
    let crossed = [proofs[1].clone(), proofs[0].clone()];
    let refused = set.verify(statements, &crossed, tau);
    assert!(matches!(refused, Err(ShardError::Proof { shard: 0, .. })));
}
