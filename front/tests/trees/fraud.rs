//! The published fraud models of trees, against what their libraries predicted for the published rows.

use std::path::Path;

use laminate_front::rows::{self, Missing};
use laminate_front::trees::agreement::{self, Against};
use laminate_front::trees::head::{head, usual};
use laminate_front::trees::{self, Predict, program};

#[test]
fn published_models_score_as_their_libraries() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud-trees");
    let rows = rows::read_with(&models.join("evaluation.csv"), 29, Missing::Allowed).expect("rows");
    assert!(rows.iter().flatten().any(|x| x.is_nan()));
    for (file, margins) in [
        ("xgboost.json", "evaluation.xgboost.csv"),
        ("lightgbm.txt", "evaluation.lightgbm.csv"),
    ] {
        let ensemble = trees::read(&models.join(file)).expect(file);
        let lowered = trees::lower(&ensemble).expect(file);
        let (predict, note) = usual(&ensemble);
        assert_eq!((predict, note), (Predict::Response, None));
        let table = rows::read(&models.join(margins), 1).expect(margins);
        for predict in [Predict::Margin, Predict::Response, Predict::Class] {
            let made = head(&ensemble, &lowered, predict).expect(file);
            let (program, weights) =
                program::program(&lowered.machine, &made.head, file, 1, None).expect(file);
            let found = agreement::outputs(&program, &weights, &rows).expect(file);
            let compared = agreement::with_table(&ensemble, &made, &found, &table).expect(file);
            assert_eq!(compared.against, Against::Margins, "{file}");
            assert_eq!((compared.rows, compared.agreeing), (2000, Some(2000)));
            let most = match predict {
                // XGBoost's own sums of 60 leaves are float32.
                Predict::Margin => 6e-6,
                Predict::Response => made.worst_error + 2e-6,
                Predict::Class => 0.0,
            };
            assert!(compared.max_error <= most, "{file}: {compared:?}");
        }
        // One row of each class, as the contract settles them.
        let made = head(&ensemble, &lowered, predict).expect(file);
        let (program, weights) =
            program::program(&lowered.machine, &made.head, file, 1, None).expect(file);
        for (row, fraud) in [("legit.csv", false), ("fraud.csv", true)] {
            let rows = rows::read(&models.join(row), 29).expect(row);
            let score = agreement::outputs(&program, &weights, &rows).expect(row)[0][0];
            assert_eq!(score > 0.5, fraud, "{row}: {score}");
        }
    }
}
