"""Peers measured on the same ONNX file as Laminate.

| module     | what                                                                    |
| ---------- | ----------------------------------------------------------------------- |
| measure    | one command as a child process: wall time and peak memory               |
| model      | a copy of the ONNX file in the form a peer accepts                      |
| ezkl_stage | one stage of EZKL, run as its own process so its peak memory is its own |
| ezkl_peer  | all stages of EZKL in one visibility setting                            |
| report     | rows -> markdown table with ratios                                      |
"""
