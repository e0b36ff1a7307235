//! Models in shards: they compute what the whole model computes, and their proofs verify together.

use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::fold::FoldMode;
use laminate_engine::geometry::Block;
use laminate_front::llama::FloatRun;
use laminate_front::quant::{Prepared, compile};
use laminate_model::layout::Layout;
use laminate_model::program::{ACTIVATION_BOUND, Program, Role};
use laminate_prover::exec::{self, Trace, generate};
use laminate_prover::prove::Links;
use laminate_tests::attack::srs;
use laminate_tests::circuit::assert_agreement;
use laminate_tests::shards::{self, Sharded, model, options, texts};

/// One block's values of every tensor of a run, by the tensor's name in a program of separate blocks.
fn by_block(program: &Program, trace: &Trace) -> Vec<(String, Vec<i32>)> {
    let mut out = vec![];
    for (tensor, values) in program.tensors.iter().zip(&trace.tensors) {
        let site = tensor.name.rsplit('.').next().unwrap_or_default();
        // The residual stream stands elsewhere when blocks are stacked.
        if values.is_empty() || ["entry", "output", "residual"].contains(&site) {
            continue;
        }
        let size = program.slots() << tensor.width_log();
        let first: usize = tensor
            .name
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split(['-', '.']).next()?.parse().ok())
            .unwrap_or(0);
        let blocks = values.chunks(size).take(tensor.stack as usize);
        for (block, values) in blocks.enumerate() {
            let name = match tensor.name.starts_with("blocks.") {
                true => format!("blocks.{}.{site}", first + block),
                false => site.to_string(),
            };
            out.push((name, values.to_vec()));
        }
    }
    out
}

/// The same of a node's witnesses.
fn witnesses(program: &Program, trace: &Trace) -> Vec<(String, Role, Vec<u128>)> {
    let mut out = vec![];
    for (node, aux) in program.nodes.iter().zip(&trace.aux) {
        let stack = program.tensors[node.output].stack as usize;
        let site = node.name.rsplit('.').next().unwrap_or_default();
        let first: usize = node
            .name
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split(['-', '.']).next()?.parse().ok())
            .unwrap_or(0);
        for column in node.op.aux_columns() {
            let values = aux.column(column.role).expect("a column");
            let size = values.len() / stack.next_power_of_two();
            for block in 0..stack {
                let of = (block * size..(block + 1) * size).map(|i| values.get(i));
                let name = match node.name.starts_with("blocks.") {
                    true => format!("blocks.{}.{site}", first + block),
                    false => site.to_string(),
                };
                out.push((name, column.role, of.collect()));
            }
        }
    }
    out
}

#[test]
fn shards_compute_what_the_whole_computes() {
    for (tied, layers) in [(false, 2), (true, 2), (false, 1), (true, 4)] {
        let float = model(7, 5, tied);
        let whole = compile(
            &FloatRun::new(&float).expect("run"),
            &texts(),
            &options(false),
        )
        .expect("whole");
        let tokens = generate(&whole.program, &whole.weights, &[3, 8], 5).expect("tokens");
        let tokens: Vec<u32> = [3, 8].into_iter().chain(tokens).take(6).collect();
        let expected = exec::run_tokens(&whole.program, &whole.weights, &tokens).expect("run");
        let compiled = shards::compile(&float, &options(true), layers);
        let shards: Vec<_> = compiled
            .into_iter()
            .map(|c| (c.program, c.weights))
            .collect();
        let traces = shards::run(&shards, &tokens);
        let pairs = || shards.iter().zip(&traces);
        let mut found: Vec<_> = pairs().flat_map(|((p, _), t)| by_block(p, t)).collect();
        let mut wanted = by_block(&whole.program, &expected);
        // Where blocks are stacked, the residual stream stands in the next one's entry: compared below.
        let residual = |name: &str| name == "embed" || name.ends_with(".down");
        found.retain(|(name, _)| !residual(name));
        let stream: Vec<Vec<i32>> = wanted
            .iter()
            .filter(|(name, _)| residual(name))
            .map(|(_, values)| values.clone())
            .collect();
        wanted.retain(|(name, _)| !residual(name));
        found.sort();
        wanted.sort();
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!(found == wanted, "{} differs from {}", found.0, wanted.0);
        }
        for (shard, ((program, _), trace)) in pairs().enumerate() {
            let first = shard * layers;
            if let Some(carry) = program.carry {
                let stack = program.tensors[carry.entry].stack as usize;
                let size = trace.tensors[carry.output].len();
                let entries = trace.tensors[carry.entry].chunks(size).take(stack);
                assert!(entries.eq(&stream[first..first + stack]), "entries {shard}");
                assert_eq!(trace.tensors[carry.output], stream[first + stack]);
            }
            if shard + 1 < shards.len() {
                assert_eq!(
                    trace.residual(program),
                    stream[first + layers],
                    "end {shard}"
                );
            }
        }
        let mut found: Vec<_> = pairs().flat_map(|((p, _), t)| witnesses(p, t)).collect();
        let mut wanted = witnesses(&whole.program, &expected);
        found.sort();
        wanted.sort();
        assert!(found == wanted, "witnesses differ");
    }
}

#[test]
fn generation_by_shards_is_that_of_the_whole() {
    for tied in [false, true] {
        let float = model(8, 4, tied);
        let whole = compile(
            &FloatRun::new(&float).expect("run"),
            &texts(),
            &options(true),
        )
        .expect("whole");
        let expected = generate(&whole.program, &whole.weights, &[3, 8], 5).expect("tokens");
        let sharded = Sharded::new(shards::compile(&float, &options(true), 3), srs(), 1);
        let tokens = sharded.tokens(&[3, 8]);
        assert_eq!(tokens[2..], expected[..4]);
    }
}

#[test]
fn honest_sets_verify() {
    for (seed, layers, tied, fold) in [(1, 2, false, true), (2, 1, true, true), (3, 2, true, false)]
    {
        let float = model(seed, 2 * layers + 1, tied);
        let compiled = shards::compile(&float, &options(fold), layers);
        assert_eq!(compiled.len(), 3);
        let sharded = Sharded::new(compiled, srs(), seed);
        let run = sharded.run(&sharded.tokens(&[4, 11]), seed, srs());
        sharded
            .set
            .verify(&run.statements, &run.proofs, &srs().tau_g2)
            .expect("honest");
        let last = &run.traces[2].tensors[sharded.shards[2].0.output];
        let chosen: Vec<u32> = last[1..6]
            .iter()
            .map(|v| (i64::from(*v) + ACTIVATION_BOUND) as u32)
            .collect();
        assert_eq!(chosen[..4], run.tokens[2..]);
    }
}

/// The circuit comes to the public values of the native verifier, boundaries included, and
/// its keys are made from the shape alone.
#[test]
fn shards_verify_in_the_circuit() {
    let sharded = Sharded::new(
        shards::compile(&model(6, 3, false), &options(true), 1),
        srs(),
        6,
    );
    let tokens = sharded.tokens(&[4, 11]);
    let traces = shards::run(&sharded.shards, &tokens);
    let links = Links::chain(3, &mut rand::rngs::OsRng);
    for (shard, mode) in [
        (0, FoldMode::On),
        (1, FoldMode::On),
        (1, FoldMode::Off),
        (2, FoldMode::On),
    ] {
        let verifier = &sharded.set.verifiers()[shard];
        let (trace, links) = (&traces[shard], &links[shard]);
        let (statement, proof) = sharded.prove(shard, trace, links, mode, srs());
        verifier
            .verify_native(&statement, &proof, &srs().tau_g2)
            .expect("honest");
        let found = assert_agreement(verifier, &statement, &proof);
        if shard == 1 {
            let (report, _) = AggregationCircuit::cost(verifier, mode).expect("a shape");
            assert_eq!(report.total().poseidon_rows, found.total().poseidon_rows);
        }
    }
}

/// Whatever is given, a prover draws fresh blinds, so that equal runs do not show.
#[test]
fn boundaries_are_hidden_by_their_blinds() {
    let sharded = Sharded::new(
        shards::compile(&model(4, 2, false), &options(true), 1),
        srs(),
        4,
    );
    let tokens = sharded.tokens(&[4, 11]);
    let [a, b] = [5, 6].map(|seed| sharded.run(&tokens, seed, srs()));
    assert_ne!(a.statements[0].boundary_out, b.statements[0].boundary_out);
    assert_eq!(a.statements[0].output_words, b.statements[0].output_words);
    let mut rng = rand::rngs::OsRng;
    let chain = Links::chain(3, &mut rng);
    assert!(chain[0].input.is_none() && chain[2].output.is_none());
    assert_eq!(
        (chain[0].output, chain[1].output),
        (chain[1].input, chain[2].input)
    );
    assert_ne!(chain[0].output, chain[1].output);
}

/// Boundary rows hold the copy and its blinds, at the same places in every shard, and nothing else.
#[test]
fn boundary_rows_are_their_own() {
    let float = model(4, 3, false);
    let options = options(true);
    let run = FloatRun::new(&float).expect("run");
    let prepared = Prepared::new(&run, &texts(), &options).expect("prepared");
    // Rows shorter than a limb, as long as both, and longer.
    for row_log in [4, 7, 8, 9, 10, 16] {
        let mut contents = vec![];
        for index in 0..3 {
            let mut program = prepared.shard(1, index).expect("shard").program;
            program.row_log = row_log;
            program.check().expect("sound");
            let layout = Layout::new(&program);
            assert_eq!(layout.geometry.row_log, usize::from(row_log));
            assert_eq!(layout.boundaries.len(), if index == 1 { 2 } else { 1 });
            let others: Vec<Block> = layout
                .limbs
                .iter()
                .chain(&layout.free)
                .chain(&layout.table_multiplicities)
                .chain(&layout.limb_multiplicities)
                .chain([&layout.blinds])
                .chain(layout.weight_checks.iter().flat_map(|check| {
                    let tables = check.tables.iter();
                    tables.filter_map(|(_, counts)| counts.as_ref())
                }))
                .copied()
                .collect();
            let mut taken: Vec<usize> = vec![];
            for boundary in &layout.boundaries {
                let rows: Vec<usize> = boundary.rows(row_log.into()).collect();
                let inside = |block: &Block| {
                    let end = (block.offset + (1 << block.log) - 1) >> row_log;
                    (block.offset >> row_log..=end).any(|row| rows.contains(&row))
                };
                assert!(!others.iter().any(inside), "row log {row_log}");
                assert!(boundary.limbs.iter().all(inside) && inside(&boundary.blinds));
                // Places relative to the rows, as commitments see them.
                let place = |block: &Block| {
                    let row = rows.iter().position(|r| *r == block.offset >> row_log);
                    (row, block.offset % (1 << row_log), block.log)
                };
                let blocks = boundary.limbs.iter().chain([&boundary.blinds]);
                contents.push(blocks.map(place).collect::<Vec<_>>());
                let trace_rows = layout.geometry.rows(laminate_engine::geometry::Poly::Trace);
                assert!(rows.iter().all(|row| *row < trace_rows));
                taken.extend(rows);
            }
            let count = taken.len();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), count, "boundaries share a row");
        }
        assert!(
            contents.windows(2).all(|w| w[0] == w[1]),
            "row log {row_log}"
        );
    }
}
