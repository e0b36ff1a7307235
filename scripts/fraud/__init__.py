"""The card-fraud model: preprocessing, training, export and the sample generator.

| module     | what                                                     |
| ---------- | -------------------------------------------------------- |
| preprocess | raw card columns -> the 29 columns the network takes     |
| mlp        | the 29-64-32-1 network, forward, backward, Adam          |
| metrics    | stratified split, ROC AUC, average precision             |
| export     | weights -> ONNX, checked by running the exported graph   |
| generator  | per-class Gaussian copula that draws publishable samples |
"""
