#!/usr/bin/env python3
"""Trains tree models with XGBoost, LightGBM, CatBoost and scikit-learn and writes what each library predicts.

    python3 scripts/train_trees.py OUT [--small] [--only xgboost,…]

OUT receives one file per model and `expected.json`, a list of {name, file, rows, margins, decisions}: float32 rows
(null is a missing value), margins before the link function, and the index of the predicted class (-1 for regression).
Entries of models that this run does not make are kept. Libraries that are not installed are named on stderr.
`--small` makes the few-kilobyte models that the repository carries (front/tests/trees/models). XGBoost below 3.1 writes
the models of its old binary format, and those alone. Seeds are fixed.
"""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Params = dict[str, Any]


class Out:
    """Folder of models and predictions."""

    def __init__(self, folder: Path, small: bool) -> None:
        self.folder, self.small = folder, small
        self.models: dict[str, Params] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self.path("expected.json").exists():
            entries = json.loads(self.path("expected.json").read_text(encoding="utf-8"))
            self.models = {entry["name"]: entry for entry in entries}

    def path(self, name: str) -> Path:
        return self.folder / name

    def trees(self, many: int) -> int:
        return 3 if self.small else many

    def depth(self, deep: int) -> int:
        return min(deep, 3) if self.small else deep

    def add(self, name: str, file: str, rows: Any, margins: Any, decisions: Any = None) -> None:
        margins = np.asarray(margins, np.float64).reshape(len(rows), -1)
        decisions = np.full(len(rows), -1) if decisions is None else np.asarray(decisions).reshape(-1)
        numbers = [[None if np.isnan(x) else float(x) for x in row] for row in rows]
        entry = {"name": name, "file": file, "rows": numbers, "margins": margins.tolist()}
        self.models[name] = entry | {"decisions": decisions.astype(int).tolist()}

    def close(self) -> None:
        entries = [json.dumps(self.models[name]) for name in sorted(self.models)]
        self.path("expected.json").write_text("[\n" + ",\n".join(entries) + "\n]\n", encoding="utf-8")


class Data:
    """Float32 rows with ties, zeros, missing values and two columns of category codes (the last two)."""

    def __init__(self, seed: int, small: bool, missing: bool = True, categories: bool = False) -> None:
        rng = np.random.default_rng(seed)
        train, test = (300, 16) if small else (1500, 700)
        n, features = train + test, 6 if small else 10
        x = rng.normal(size=(n, features)) * np.logspace(-2, 3, features)
        # Few digits: many rows then hold the very value of a threshold.
        x = np.round(x, 2)
        x[:, 1] = rng.integers(-3, 4, n)
        x[rng.random((n, features)) < 0.15] = 0
        codes = rng.integers(0, 12, (n, 2))
        effect = rng.normal(size=(2, 12))
        score = x[:, 1] + np.sin(x[:, 3]) * 2 + (x[:, -1] > 0) * 1.5 + (x[:, 2] == 0) + effect[0][codes[:, 0]]
        score += effect[1][codes[:, 1]] * 2
        if categories:
            x[:, -2:] = codes
        if missing:
            x[rng.random((n, features)) < 0.1] = np.nan
        self.x = x.astype(np.float32)
        noise = rng.normal(size=n) * 0.5
        self.binary = (score + noise > 0.5).astype(int)
        self.three = np.digitize(score + noise, [-1, 1.5])
        self.real = score * 37 + 1000 + noise
        self.pair = np.stack([self.real, score * -3 + noise], 1)
        self.count = rng.poisson(np.exp(np.clip(score / 4, -3, 3)))
        self.train, self.test = slice(0, train), slice(train, n)
        if not small:
            # Values that training never saw: other categories, fractions, infinities where the library takes them.
            extra = self.x[self.test]
            extra[:20, :-2] *= -7
            if categories:
                extra[20:40, -2:] += np.float32(11)
                extra[40:50, -1] = np.float32(2.5)
                extra[50:60, -1] = np.float32(-1)

    def part(self, target: str) -> tuple[Any, Any, Any]:
        return self.x[self.train], getattr(self, target)[self.train], self.x[self.test]


def xgboost_models(out: Out) -> None:
    xgb = import_module("xgboost")

    def train(
        name: str,
        target: str,
        params: Params,
        ext: str = "json",
        categories: bool = False,
        missing: bool = True,
        rounds: int = 30,
    ) -> None:
        data = Data(abs(hash_name(name)), out.small, missing, categories)
        x, y, test = data.part(target)
        types = (["q"] * (x.shape[1] - 2) + ["c"] * 2) if categories else None

        def wrap(rows: Any, labels: Any = None) -> Any:
            return xgb.DMatrix(rows, labels, feature_types=types, enable_categorical=categories)

        if categories and not out.small:
            # XGBoost refuses negative and fractional codes when it builds the matrix.
            test = test[~(np.floor(test[:, -2:]) != test[:, -2:]).any(1) | np.isnan(test[:, -2:]).any(1)]
            test = test[~((test[:, -2:] < 0) | ((test[:, -2:] % 1) != 0) & ~np.isnan(test[:, -2:])).any(1)]
        params = {"max_depth": out.depth(6), "eta": 0.3, "seed": 1, "nthread": 1, "tree_method": "hist", **params}
        booster = xgb.train(params, wrap(x, y), out.trees(rounds))
        file = f"{name}.{ext}"
        if ext == "deprecated":
            out.path(file).write_bytes(booster.save_raw(raw_format="deprecated"))
        else:
            booster.save_model(str(out.path(file)))
        margins = booster.predict(wrap(test), output_margin=True)
        prediction = booster.predict(wrap(test))
        decisions = None
        if target == "binary":
            decisions = prediction > 0.5
        elif target == "three":
            decisions = prediction if prediction.ndim == 1 else prediction.argmax(1)
        out.add(name, file, test, margins, decisions)

    logistic = {"objective": "binary:logistic"}
    version = tuple(int(v) for v in xgb.__version__.split(".")[:2])
    if version < (3, 1):
        train("xgb_old_binary", "binary", logistic, ext="deprecated")
        train("xgb_old_classes", "three", {"objective": "multi:softprob", "num_class": 3}, ext="deprecated")
        train("xgb_old_poisson", "count", {"objective": "count:poisson"}, ext="deprecated", missing=False)
        train("xgb_old_dart", "binary", {**logistic, "booster": "dart", "rate_drop": 0.3}, ext="deprecated")
        return
    train("xgb_binary", "binary", logistic)
    train("xgb_binary_ubj", "binary", logistic, ext="ubj")
    train("xgb_classes", "three", {"objective": "multi:softprob", "num_class": 3})
    train("xgb_categories", "binary", {**logistic, "max_cat_to_onehot": 4}, categories=True)
    train("xgb_onehot_ubj", "real", {"objective": "reg:squarederror", "max_cat_to_onehot": 20}, "ubj", categories=True)
    train("xgb_poisson", "count", {"objective": "count:poisson"}, missing=False)
    train("xgb_dart", "binary", {**logistic, "booster": "dart", "rate_drop": 0.3, "base_score": 0.3})
    vectors = {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree"}
    train("xgb_vector", "pair", vectors)
    train("xgb_forest", "real", {"objective": "reg:squarederror", "num_parallel_tree": 3, "subsample": 0.7}, rounds=8)


def lightgbm_models(out: Out) -> None:
    lgb = import_module("lightgbm")

    def train(name: str, target: str, params: Params, categories: bool = False, missing: bool = True) -> None:
        data = Data(abs(hash_name(name)), out.small, missing, categories)
        x, y, test = data.part(target)
        base: Params = {"num_leaves": 6 if out.small else 24, "verbosity": -1, "seed": 1, "num_threads": 1}
        base |= {"deterministic": True, "min_data_in_leaf": 10, "cat_smooth": 1, "min_data_per_group": 5}
        columns = list(range(x.shape[1] - 2, x.shape[1])) if categories else []
        params = {**base, **params}
        dataset = lgb.Dataset(x, y, categorical_feature=columns, free_raw_data=False, params=params)
        booster = lgb.train(params, dataset, out.trees(25))
        booster.save_model(str(out.path(f"{name}.txt")))
        if out.small:
            strip_lightgbm(out.path(f"{name}.txt"))
        # The raw score of a random forest is its sum; the prediction is the average.
        forest = params.get("boosting") == "rf"
        margins = booster.predict(test, raw_score=not forest)
        prediction = booster.predict(test)
        decisions = None
        if target == "binary":
            decisions = prediction > 0.5
        elif target == "three":
            decisions = prediction.argmax(1)
        out.add(name, f"{name}.txt", test, margins, decisions)

    train("lgb_binary", "binary", {"objective": "binary"})
    train("lgb_classes", "three", {"objective": "multiclass", "num_class": 3})
    train("lgb_categories", "binary", {"objective": "binary", "max_cat_to_onehot": 1}, categories=True)
    train("lgb_onehot", "real", {"objective": "regression", "max_cat_to_onehot": 20}, categories=True)
    train("lgb_poisson", "count", {"objective": "poisson"})
    train("lgb_zero", "binary", {"objective": "binary", "zero_as_missing": True})
    train("lgb_no_missing", "binary", {"objective": "binary", "use_missing": False})
    rf = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
    train("lgb_rf", "real", {"objective": "regression", **rf})
    train("lgb_dart_ova", "three", {"objective": "multiclassova", "num_class": 3, "boosting": "dart"})


def strip_lightgbm(path: Path) -> None:
    """Drops the parameters, which no reader needs, from a small model."""
    head, _, tail = path.read_text(encoding="utf-8").partition("\nparameters:")
    _, _, rest = tail.partition("end of parameters")
    path.write_text(head + "\n" + rest.lstrip(), encoding="utf-8")


def catboost_models(out: Out) -> None:
    cb = import_module("catboost")

    def train(name: str, target: str, params: Params, missing: bool = True) -> None:
        data = Data(abs(hash_name(name)), out.small, missing)
        x, y, test = data.part(target)
        base: Params = {"iterations": out.trees(25), "depth": out.depth(5), "random_seed": 1, "verbose": False}
        base["thread_count"] = 1
        base |= {"allow_writing_files": False, "learning_rate": 0.2}
        model = cb.CatBoost({**base, **params})
        model.fit(cb.Pool(x, y))
        model.save_model(str(out.path(f"{name}.json")), format="json")
        if out.small:
            strip_catboost(out.path(f"{name}.json"))
        margins = model.predict(test, prediction_type="RawFormulaVal")
        decisions = model.predict(test, prediction_type="Class") if target in ("binary", "three") else None
        out.add(name, f"{name}.json", test, margins, decisions)

    train("cat_binary", "binary", {"loss_function": "Logloss"})
    train("cat_nan_max", "binary", {"loss_function": "Logloss", "nan_mode": "Max"})
    train("cat_classes", "three", {"loss_function": "MultiClass"})
    train("cat_poisson", "count", {"loss_function": "Poisson"})
    train("cat_leafwise", "real", {"loss_function": "RMSE", "grow_policy": "Lossguide", "max_leaves": 12})
    train("cat_depthwise", "three", {"loss_function": "MultiClassOneVsAll", "grow_policy": "Depthwise"})


def catboost_categories(out: Out) -> None:
    """One-hot splits: CatBoost knows a category by a hash of its text."""
    cb, pd = import_module("catboost"), import_module("pandas")

    def train(name: str, target: str, params: Params) -> None:
        data = Data(abs(hash_name(name)), out.small, False, True)
        x, y, test = data.part(target)
        test[:, -2:] = np.trunc(test[:, -2:])
        names = [str(column) for column in range(x.shape[1])]

        def pool(rows: Any, labels: Any = None) -> Any:
            frame = pd.DataFrame(rows, columns=names)
            frame = frame.astype(dict.fromkeys(names[-2:], int))
            return cb.Pool(frame, labels, cat_features=names[-2:])

        base: Params = {"iterations": out.trees(25), "depth": out.depth(5), "random_seed": 1, "verbose": False}
        base["thread_count"] = 1
        model = cb.CatBoost({**base, "allow_writing_files": False, "one_hot_max_size": 40, **params})
        model.fit(pool(x, y))
        model.save_model(str(out.path(f"{name}.json")), format="json")
        if out.small:
            strip_catboost(out.path(f"{name}.json"))
        margins = model.predict(pool(test), prediction_type="RawFormulaVal")
        decisions = model.predict(pool(test), prediction_type="Class") if target == "binary" else None
        out.add(name, f"{name}.json", test, margins, decisions)

    train("cat_onehot", "binary", {"loss_function": "Logloss"})
    train("cat_onehot_grown", "real", {"loss_function": "RMSE", "grow_policy": "Depthwise"})


def strip_catboost(path: Path) -> None:
    """Keeps of a small model what says what it computes."""
    model = json.loads(path.read_text(encoding="utf-8"))
    info = model["model_info"]
    model["model_info"] = {"params": {"loss_function": info["params"]["loss_function"]}}
    model["model_info"] |= {k: info[k] for k in ("class_params",) if k in info}
    path.write_text(json.dumps(model, separators=(",", ":")), encoding="utf-8")


def sklearn_models(out: Out) -> None:
    names = ("compose", "ensemble", "impute", "pipeline", "preprocessing", "tree")
    compose, ensemble, impute, pipeline, preprocessing, tree = (import_module(f"sklearn.{name}") for name in names)
    to_onnx = import_module("skl2onnx").to_onnx

    def train(
        name: str,
        target: str,
        model: Any,
        missing: bool = False,
        margin: str | None = None,
        options: Params | None = None,
        categories: bool = False,
    ) -> None:
        data = Data(abs(hash_name(name)), out.small, missing, categories)
        x, y, test = data.part(target)
        if categories:
            # ONNX cuts a category to an integer, scikit-learn knows no fractions.
            test[:, -2:] = np.trunc(test[:, -2:])
        model.fit(x, y)
        zipmap = {id(model): options} if options else None
        graph = to_onnx(model, x[:1], options=zipmap, target_opset={"": 17, "ai.onnx.ml": 3})
        out.path(f"{name}.onnx").write_bytes(graph.SerializeToString())
        classes = target in ("binary", "three")
        margin = margin or ("predict_proba" if classes else "predict")
        if margin == "depth":
            # Sum of path lengths, of which the score is a function.
            c = depth(model.max_samples_) * len(model.estimators_)
            margins = -np.log2(-model.score_samples(test)) * c
            out.add(name, f"{name}.onnx", test, margins, model.predict(test) > 0)
            return
        margins = getattr(model, margin)(test)
        out.add(name, f"{name}.onnx", test, margins, model.predict(test) if classes else None)

    n, d = out.trees(20), out.depth(7)
    plain = {"zipmap": False}
    train("skl_tree", "binary", tree.DecisionTreeClassifier(max_depth=d, random_state=1), options=plain)
    train("skl_forest", "binary", ensemble.RandomForestClassifier(n, max_depth=d, random_state=1))
    train("skl_classes", "three", ensemble.RandomForestClassifier(n, max_depth=d, random_state=2), options=plain)
    train("skl_extra", "real", ensemble.ExtraTreesRegressor(n, max_depth=d, random_state=3))
    boost = ensemble.GradientBoostingClassifier(n_estimators=n, max_depth=3, random_state=4)
    train("skl_boost", "binary", boost, margin="decision_function", options={"raw_scores": True, **plain})
    boost = ensemble.GradientBoostingClassifier(n_estimators=n, max_depth=3, random_state=4)
    train("skl_boost_classes", "three", boost, margin="decision_function", options={"raw_scores": True})
    hist = ensemble.HistGradientBoostingRegressor(max_iter=n, max_leaf_nodes=6 if out.small else 15, random_state=5)
    train("skl_hist", "real", hist, missing=True)
    steps = [impute.SimpleImputer(), preprocessing.StandardScaler()]
    forest = ensemble.RandomForestClassifier(n, max_depth=d, random_state=6)
    train("skl_pipeline", "binary", pipeline.make_pipeline(*steps, forest), missing=True)

    def encoded(encoder: Any, numbers: Any, forest: Any) -> Any:
        width = 6 if out.small else 10
        codes, others = [width - 2, width - 1], list(range(width - 2))
        columns = compose.ColumnTransformer([("codes", encoder, codes), ("numbers", numbers, others)])
        return pipeline.make_pipeline(columns, forest)

    forest = ensemble.RandomForestClassifier(n, max_depth=d, random_state=7)
    one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    train("skl_onehot", "binary", encoded(one_hot, impute.SimpleImputer(), forest), categories=True)
    forest = ensemble.RandomForestClassifier(n, max_depth=d, random_state=8)
    ordinal = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    train("skl_ordinal", "three", encoded(ordinal, "passthrough", forest), categories=True)
    isolation = ensemble.IsolationForest(n_estimators=n, max_samples=16 if out.small else 128, random_state=9)
    train("skl_isolation", "binary", isolation, margin="depth")


def depth(samples: int) -> float:
    """Average path length of a search tree of so many samples (more than two)."""
    return 2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples


def onnx_models(out: Out) -> None:
    """Branches that no converter above writes: sets, equalities and all comparisons, with missing values either way."""
    onnxruntime, helper = import_module("onnxruntime"), import_module("onnx.helper")
    kinds, checker = import_module("onnx").TensorProto, import_module("onnx.checker")

    data = Data(11, out.small, True, True)
    test = data.x[data.test]

    def add(name: str, node: Any, outputs: int, decisions: bool = False) -> None:
        last = 1 if decisions else 0
        results = [helper.make_tensor_value_info("label", kinds.INT64, [None])] if decisions else []
        results.append(helper.make_tensor_value_info("y", kinds.FLOAT, [None, outputs]))
        graph = helper.make_graph(
            [node], "trees", [helper.make_tensor_value_info("x", kinds.FLOAT, [None, test.shape[1]])], results
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 5 if "_v5" in name else 3)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        checker.check_model(model)
        out.path(f"{name}.onnx").write_bytes(model.SerializeToString())
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        got = session.run(None, {"x": test})
        out.add(name, f"{name}.onnx", test, got[last], got[0] if decisions else None)

    def tensor(name: str, kind: int, values: list[float]) -> Any:
        return helper.make_tensor(name, kind, [len(values)], values)

    nan = float("nan")
    # Two trees of two targets: a set of codes, then a comparison on each side.
    v5 = helper.make_node(
        "TreeEnsemble",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=2,
        aggregate_function=1,
        post_transform=0,
        nodes_featureids=[5, 1, 3, 4, 0, 1],
        nodes_modes=tensor("modes", kinds.UINT8, [6, 0, 3, 6, 1, 2]),
        nodes_splits=tensor("splits", kinds.FLOAT, [0, 1, 0.5, 0, 0.0, -1]),
        nodes_truenodeids=[1, 0, 2, 4, 4, 6],
        nodes_trueleafs=[0, 1, 1, 0, 1, 1],
        nodes_falsenodeids=[2, 1, 3, 5, 5, 7],
        nodes_falseleafs=[0, 1, 1, 0, 1, 1],
        nodes_missing_value_tracks_true=[1, 0, 1, 0, 1, 0],
        membership_values=tensor("members", kinds.FLOAT, [0, 2, 3, 7, 11, nan, 1, 2, 9, nan]),
        leaf_targetids=[0, 1, 0, 1, 1, 0, 1, 0],
        leaf_weights=tensor("weights", kinds.FLOAT, [1.5, -2.25, 0.1, 3, -0.7, 5.5, 0.3, -4]),
        tree_roots=[0, 3],
    )
    add("onnx_v5_sets", v5, 2)
    # A chain of five tests: each leaves by its false branch to a leaf.
    count = 5
    v3 = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "y"],
        domain="ai.onnx.ml",
        classlabels_int64s=[0, 1, 2],
        post_transform="NONE",
        nodes_treeids=[0] * (2 * count + 1),
        nodes_nodeids=list(range(2 * count + 1)),
        nodes_featureids=[2, 1, 3, 1, 5] + [0] * (count + 1),
        nodes_modes=["BRANCH_NEQ", "BRANCH_NEQ", "BRANCH_GT", "BRANCH_GTE", "BRANCH_LT"] + ["LEAF"] * (count + 1),
        nodes_values=[0.0, 2.0, -9.0, -1.0, 8.0] + [0.0] * (count + 1),
        nodes_truenodeids=[1, 2, 3, 4, 10] + [0] * (count + 1),
        nodes_falsenodeids=[5, 6, 7, 8, 9] + [0] * (count + 1),
        nodes_missing_value_tracks_true=[0, 0, 1, 0, 1] + [0] * (count + 1),
        class_treeids=[0] * 8,
        class_nodeids=[5, 6, 6, 7, 8, 9, 10, 10],
        class_ids=[0, 1, 0, 2, 1, 2, 0, 2],
        class_weights=[1.0, 0.25, -3.0, 0.5, 2.0, 0.75, 0.1, 0.2],
        base_values=[0.1, -0.2, 0.3],
    )
    add("onnx_modes", v3, 3, decisions=True)
    v3 = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="AVERAGE",
        base_values=[0.5],
        nodes_treeids=[3, 3, 3, 8, 8, 8],
        nodes_nodeids=[0, 1, 2, 0, 1, 2],
        nodes_featureids=[1, 0, 0, 5, 0, 0],
        nodes_modes=["BRANCH_EQ", "LEAF", "LEAF"] * 2,
        nodes_values=[2.0, 0, 0, 7.0, 0, 0],
        nodes_truenodeids=[1, 0, 0] * 2,
        nodes_falsenodeids=[2, 0, 0] * 2,
        nodes_missing_value_tracks_true=[1, 0, 0, 0, 0, 0],
        target_treeids=[3, 3, 8, 8],
        target_nodeids=[1, 2, 1, 2],
        target_ids=[0, 0, 0, 0],
        target_weights=[7.0, -1.5, 100.0, 0.125],
    )
    add("onnx_equal", v3, 1)


def hash_name(name: str) -> int:
    """A seed from a name (Python's own hash is salted)."""
    value = 7
    for byte in name.encode():
        value = (value * 31 + byte) % (1 << 31)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", help="names of libraries, comma-separated")
    args = parser.parse_args()
    out = Out(args.out, args.small)
    libraries: dict[str, Callable[[Out], None]] = {
        "xgboost": xgboost_models,
        "lightgbm": lightgbm_models,
        "catboost": catboost_models,
        "catboost_categories": catboost_categories,
        "sklearn": sklearn_models,
        "onnxruntime": onnx_models,
    }
    for name, train in libraries.items():
        if args.only and name not in args.only.split(","):
            continue
        try:
            train(out)
        except ModuleNotFoundError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
    out.close()


if __name__ == "__main__":
    main()
