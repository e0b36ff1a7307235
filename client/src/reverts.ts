// Generated from the command line's sentences; do not edit. LAMINATE_BLESS=1 cargo test --release -p laminate sentences
export const REVERTS = [
  {
    "inputs": [
      [
        "amount",
        "uint256"
      ]
    ],
    "name": "AmountOutOfRange",
    "selector": "0x66c28b18",
    "sentences": [
      "an amount of {amount} wei, expected 1 to 2^96 - 1"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ],
      [
        "until",
        "uint64"
      ]
    ],
    "name": "CommitmentExpired",
    "selector": "0x51042178",
    "sentences": [
      "nothing is frozen of pool {poolId}, or it was until block {until}"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ],
      [
        "until",
        "uint64"
      ]
    ],
    "name": "CommitmentOpen",
    "selector": "0x95abd7e5",
    "sentences": [
      "the notes of pool {poolId} are frozen until block {until}; others wait"
    ]
  },
  {
    "inputs": [
      [
        "payer",
        "address"
      ],
      [
        "modelId",
        "uint256"
      ],
      [
        "inputCommitment",
        "bytes32"
      ]
    ],
    "name": "CommitmentTaken",
    "selector": "0x82138900",
    "sentences": [
      "input commitment {inputCommitment} of model {modelId:id} belongs to another payment of {payer}; commit again with a fresh salt"
    ]
  },
  {
    "inputs": [
      [
        "term",
        "uint256"
      ],
      [
        "value",
        "uint256"
      ]
    ],
    "name": "CoordinateNotCanonical",
    "selector": "0xee33b727",
    "sentences": [
      "a coordinate of point {term} is {value:hex}, not below the base field's order"
    ]
  },
  {
    "inputs": [
      [
        "deadline",
        "uint64"
      ],
      [
        "now_",
        "uint256"
      ]
    ],
    "name": "DeadlineNotInFuture",
    "selector": "0xdd2d27d7",
    "sentences": [
      "the deadline {deadline} has passed, the chain's time is {now_}"
    ]
  },
  {
    "inputs": [
      [
        "paymentId",
        "uint256"
      ],
      [
        "deadline",
        "uint64"
      ]
    ],
    "name": "DeadlineNotReached",
    "selector": "0xad3664a6",
    "sentences": [
      "payment {paymentId} can be refunded from its deadline {deadline} on"
    ]
  },
  {
    "inputs": [
      [
        "paymentId",
        "uint256"
      ],
      [
        "deadline",
        "uint64"
      ]
    ],
    "name": "DeadlinePassed",
    "selector": "0x6f0a3482",
    "sentences": [
      "the deadline {deadline} of payment {paymentId} has passed"
    ]
  },
  {
    "inputs": [
      [
        "decimals",
        "uint8"
      ]
    ],
    "name": "DecimalsOutOfRange",
    "selector": "0xf6f3acb9",
    "sentences": [
      "a value of {decimals} decimals, more than are taken"
    ]
  },
  {
    "inputs": [
      [
        "value",
        "uint256"
      ]
    ],
    "name": "DigestNotCanonical",
    "selector": "0xadc3cbc1",
    "sentences": [
      "the digest of the public values is {value:hex}, not below the scalar field's order"
    ]
  },
  {
    "inputs": [
      [
        "validUntil",
        "uint64"
      ],
      [
        "now_",
        "uint256"
      ]
    ],
    "name": "EndNotInFuture",
    "selector": "0x3565e7d1",
    "sentences": [
      "the root is to end at {validUntil}, the chain's time is {now_}"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ],
      [
        "count",
        "uint64"
      ]
    ],
    "name": "FeeSetBefore",
    "selector": "0x4b140e4a",
    "sentences": [
      "the {count} notes of pool {poolId}, or newer ones, have set its fee"
    ]
  },
  {
    "inputs": [
      [
        "leastFee",
        "uint24"
      ],
      [
        "baseFee",
        "uint24"
      ],
      [
        "mostFee",
        "uint24"
      ]
    ],
    "name": "FeesOutOfOrder",
    "selector": "0x7ed55624",
    "sentences": [
      "a least fee of {leastFee}, without a proof {baseFee}, at most {mostFee}: expected them in this order, up to 1000000"
    ]
  },
  {
    "inputs": [],
    "name": "InvalidProof",
    "selector": "0x09bde339",
    "sentences": [
      "the proof is not valid for this model, input commitment and output (other weights, a changed score or an altered proof)"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ]
    ],
    "name": "ModelExists",
    "selector": "0x70c4f664",
    "sentences": [
      "you have registered exactly this model before, as {modelId:id}"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ]
    ],
    "name": "ModelIsRetired",
    "selector": "0xecd6cde8",
    "sentences": [
      "model {modelId:id} is retired and takes no more inferences"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ]
    ],
    "name": "ModelNotFound",
    "selector": "0x6d710e14",
    "sentences": [
      "no model {modelId:id} in this registry; register it, or check the registry's address"
    ]
  },
  {
    "inputs": [],
    "name": "ModelNotStored",
    "selector": "0xd1bf8ecf",
    "sentences": [
      "the registry could not store the model; send the transaction with more gas"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ],
      [
        "expected",
        "bytes32"
      ],
      [
        "found",
        "bytes32"
      ]
    ],
    "name": "ModelVerifierCodeChanged",
    "selector": "0xb5a4afa6",
    "sentences": [
      "the code of the model's verifier at {verifier} is not the code it had: hash {found}, expected {expected}; do not rely on it"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ]
    ],
    "name": "ModelVerifierWithoutCode",
    "selector": "0xad8020f5",
    "sentences": [
      "no contract at the model's verifier {verifier}"
    ]
  },
  {
    "inputs": [],
    "name": "NoChoices",
    "selector": "0x0db2f02f",
    "sentences": [
      "a poll without choices"
    ]
  },
  {
    "inputs": [
      [
        "choice",
        "uint256"
      ],
      [
        "choices",
        "uint256"
      ]
    ],
    "name": "NoSuchChoice",
    "selector": "0x0b532753",
    "sentences": [
      "a choice {choice} of {choices}, counted from 0"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "NonCanonicalLength",
    "selector": "0x1549cd59",
    "sentences": [
      "the call has {found} bytes, expected {expected}: not the canonical encoding"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "NonCanonicalOffset",
    "selector": "0xbbb37021",
    "sentences": [
      "a call argument starts at byte {found}, expected {expected}: not the canonical encoding"
    ]
  },
  {
    "inputs": [
      [
        "fee",
        "uint24"
      ]
    ],
    "name": "NotDynamicFee",
    "selector": "0xdf4ea398",
    "sentences": [
      "the pool was made with a fee of its own, {fee}"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ],
      [
        "outputCount",
        "uint256"
      ]
    ],
    "name": "NotEligibilityModel",
    "selector": "0xe286f422",
    "sentences": [
      "model {modelId:id} has an output count of {outputCount}, a poll takes one compiled with --credential and --context and one output: 61"
    ]
  },
  {
    "inputs": [
      [
        "output",
        "int256"
      ],
      [
        "leastOutput",
        "int256"
      ]
    ],
    "name": "NotEligible",
    "selector": "0xdb2e74fa",
    "sentences": [
      "the proven output {output} is below {leastOutput}, the least that is eligible"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ],
      [
        "outputCount",
        "uint256"
      ]
    ],
    "name": "NotFeeModel",
    "selector": "0xe480a139",
    "sentences": [
      "model {modelId:id} has an output count of {outputCount}, a fee takes one compiled with --input-public of 8 inputs and one output: 16"
    ]
  },
  {
    "inputs": [
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotIssuer",
    "selector": "0x3fd26f9e",
    "sentences": [
      "{caller} is not the issuer of these credentials"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ],
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotModelOwner",
    "selector": "0x25a0f138",
    "sentences": [
      "{caller} is not the owner of model {modelId:id}"
    ]
  },
  {
    "inputs": [
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotOwner",
    "selector": "0x245aecd3",
    "sentences": [
      "{caller} is not the owner of the router"
    ]
  },
  {
    "inputs": [
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotPendingOwner",
    "selector": "0xa09b9a43",
    "sentences": [
      "the router's owner has not named {caller} as the next"
    ]
  },
  {
    "inputs": [
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotPoolManager",
    "selector": "0x81489ec0",
    "sentences": [
      "{caller} is not the pool manager"
    ]
  },
  {
    "inputs": [
      [
        "sender",
        "address"
      ],
      [
        "caller",
        "address"
      ]
    ],
    "name": "NotSender",
    "selector": "0xfc21064f",
    "sentences": [
      "the proof is to be sent by {sender}, {caller} sends it"
    ]
  },
  {
    "inputs": [
      [
        "modelId",
        "uint256"
      ],
      [
        "outputs",
        "uint256"
      ]
    ],
    "name": "NotSingleOutput",
    "selector": "0xe410d118",
    "sentences": [
      "model {modelId:id} has {outputs} outputs, a payment takes a model with one"
    ]
  },
  {
    "inputs": [
      [
        "account",
        "address"
      ]
    ],
    "name": "NothingToWithdraw",
    "selector": "0xdc69dc16",
    "sentences": [
      "{account} has nothing to withdraw"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "OtherContext",
    "selector": "0xaa981a25",
    "sentences": [
      "the proof's context is {found:id}, expected {expected:id}: it is for another choice, sender, contract or chain"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "OtherScope",
    "selector": "0x20f79c40",
    "sentences": [
      "the credential is used in scope {found:id}, expected {expected:id}"
    ]
  },
  {
    "inputs": [
      [
        "count",
        "uint256"
      ],
      [
        "limit",
        "uint256"
      ]
    ],
    "name": "OutputCountOutOfRange",
    "selector": "0xf2f8d5fe",
    "sentences": [
      "{count} outputs, expected 1 to {limit}"
    ]
  },
  {
    "inputs": [
      [
        "index",
        "uint256"
      ],
      [
        "count",
        "uint256"
      ]
    ],
    "name": "OutputIndex",
    "selector": "0x8eb36343",
    "sentences": [
      "no output {index}, the statement has {count}"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "OutputLength",
    "selector": "0x165cadc0",
    "sentences": [
      "the output has {found} bytes, expected {expected}"
    ]
  },
  {
    "inputs": [
      [
        "word",
        "uint256"
      ],
      [
        "value",
        "uint256"
      ]
    ],
    "name": "OutputWordTooLarge",
    "selector": "0xa279e118",
    "sentences": [
      "output word {word} is {value:hex}: bits beyond the last output"
    ]
  },
  {
    "cases": "state",
    "inputs": [
      [
        "paymentId",
        "uint256"
      ],
      [
        "state",
        "uint8"
      ]
    ],
    "name": "PaymentNotOpen",
    "selector": "0xb96a07d9",
    "sentences": [
      "payment {paymentId} is not there",
      "payment {paymentId} is open",
      "payment {paymentId} is settled",
      "payment {paymentId} is refunded",
      "payment {paymentId} is in an unknown state"
    ]
  },
  {
    "inputs": [
      [
        "term",
        "uint256"
      ]
    ],
    "name": "PointAtInfinity",
    "selector": "0x824fa20c",
    "sentences": [
      "point {term} of the proof is infinity"
    ]
  },
  {
    "inputs": [
      [
        "term",
        "uint256"
      ]
    ],
    "name": "PointNotOnCurve",
    "selector": "0x8be2934e",
    "sentences": [
      "point {term} of the proof is not on the curve"
    ]
  },
  {
    "inputs": [
      [
        "deadline",
        "uint64"
      ]
    ],
    "name": "PollClosed",
    "selector": "0x132bc6cc",
    "sentences": [
      "the poll took votes until {deadline}"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ]
    ],
    "name": "PoolUnknown",
    "selector": "0x3a125c84",
    "sentences": [
      "pool {poolId} was made with another hook, or before this one"
    ]
  },
  {
    "inputs": [],
    "name": "PrecompileWithoutPoint",
    "selector": "0xd685ef6a",
    "sentences": [
      "this chain does not have the precompiled contracts for points of BN254 (EIP-196)"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "bytes32"
      ],
      [
        "found",
        "bytes32"
      ]
    ],
    "name": "ProgramDigestMismatch",
    "selector": "0x7530f0bb",
    "sentences": [
      "the verifying key and program in the proof have digest {found}, the model is registered with {expected}: the proof is of another program"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "uint256"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "ProofLength",
    "selector": "0xc0545fa0",
    "sentences": [
      "the proof has {found} bytes, expected {expected}; was it made for another program or batch size?"
    ]
  },
  {
    "inputs": [
      [
        "length",
        "uint256"
      ]
    ],
    "name": "ProofLengthOutOfRange",
    "selector": "0x38e46cff",
    "sentences": [
      "a halo2 proof length of {length} bytes, expected a positive multiple of 32"
    ]
  },
  {
    "inputs": [
      [
        "length",
        "uint256"
      ]
    ],
    "name": "ProofLengthWithoutTerms",
    "selector": "0x8de188b1",
    "sentences": [
      "a proof of {length} bytes, which no number of points makes; was it encoded for a verifier of one circuit?"
    ]
  },
  {
    "inputs": [],
    "name": "PublicInputMismatch",
    "selector": "0x5352bfc7",
    "sentences": [
      "the proof is about other values than those that the contract has read"
    ]
  },
  {
    "inputs": [
      [
        "registry",
        "address"
      ]
    ],
    "name": "RegistryWithoutCode",
    "selector": "0x2d9d525e",
    "sentences": [
      "no contract at the registry's address {registry}"
    ]
  },
  {
    "inputs": [
      [
        "root",
        "uint256"
      ]
    ],
    "name": "RootNotValid",
    "selector": "0xa1a0bfdf",
    "sentences": [
      "root {root:id} was not posted, has expired or was revoked; prove with the issuer's newest tree"
    ]
  },
  {
    "inputs": [
      [
        "root",
        "uint256"
      ]
    ],
    "name": "RootOutOfRange",
    "selector": "0xede4ab6f",
    "sentences": [
      "a root {root:id}, expected an element of the scalar field other than zero"
    ]
  },
  {
    "inputs": [
      [
        "root",
        "uint256"
      ]
    ],
    "name": "RootPostedBefore",
    "selector": "0x7900cf98",
    "sentences": [
      "root {root:id} was posted before"
    ]
  },
  {
    "inputs": [
      [
        "roots",
        "address"
      ]
    ],
    "name": "RootsWithoutCode",
    "selector": "0xf94f2a31",
    "sentences": [
      "no contract at the address of roots {roots}"
    ]
  },
  {
    "inputs": [
      [
        "selector",
        "bytes4"
      ]
    ],
    "name": "RouteExists",
    "selector": "0xe21c6602",
    "sentences": [
      "the router has a route {selector} already"
    ]
  },
  {
    "inputs": [
      [
        "selector",
        "bytes4"
      ]
    ],
    "name": "RouteIsRemoved",
    "selector": "0xe488e4ab",
    "sentences": [
      "the route {selector} was removed for good; do not rely on its verifier"
    ]
  },
  {
    "inputs": [
      [
        "selector",
        "bytes4"
      ]
    ],
    "name": "RouteNotFound",
    "selector": "0xf208777e",
    "sentences": [
      "the router has no route {selector}; does it serve this verifier?"
    ]
  },
  {
    "inputs": [],
    "name": "RouterFrozen",
    "selector": "0xea52a259",
    "sentences": [
      "the router is frozen and takes no more routes"
    ]
  },
  {
    "inputs": [
      [
        "scale",
        "int8"
      ]
    ],
    "name": "ScaleOutOfRange",
    "selector": "0x33c4df4f",
    "sentences": [
      "a scale of {scale}, outside the range of scales"
    ]
  },
  {
    "inputs": [
      [
        "score",
        "int256"
      ],
      [
        "threshold",
        "int16"
      ]
    ],
    "name": "ScoreNotBelowThreshold",
    "selector": "0x54dfa02b",
    "sentences": [
      "the proven score {score} is not below the payment's threshold {threshold} (16384 is a probability of 1)"
    ]
  },
  {
    "inputs": [
      [
        "expected",
        "bytes4"
      ],
      [
        "found",
        "bytes4"
      ]
    ],
    "name": "SelectorMismatch",
    "selector": "0xb8b38d4c",
    "sentences": [
      "the verifier has selector {found}, its route was to have {expected}"
    ]
  },
  {
    "inputs": [],
    "name": "SelectorMissing",
    "selector": "0xe06c23c6",
    "sentences": [
      "the proof does not start with a route's selector"
    ]
  },
  {
    "inputs": [
      [
        "word",
        "bytes32"
      ]
    ],
    "name": "SelectorNotCanonical",
    "selector": "0xeb17790a",
    "sentences": [
      "the proof starts with {word}, expected a selector of 4 bytes and zeros"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ],
      [
        "notedAt",
        "uint64"
      ]
    ],
    "name": "StaleObservations",
    "selector": "0x176afef4",
    "sentences": [
      "the newest note of pool {poolId} is of block {notedAt}, too old to say anything"
    ]
  },
  {
    "inputs": [
      [
        "stateView",
        "address"
      ]
    ],
    "name": "StateViewWithoutCode",
    "selector": "0x2e10013c",
    "sentences": [
      "no contract at {stateView}, where prices are to be read"
    ]
  },
  {
    "inputs": [
      [
        "statementHash",
        "bytes32"
      ]
    ],
    "name": "StatementReplayed",
    "selector": "0x61618214",
    "sentences": [
      "statement {statementHash} has been submitted before; a statement counts once"
    ]
  },
  {
    "inputs": [],
    "name": "SumAtInfinity",
    "selector": "0x9adb87ef",
    "sentences": [
      "the sum of the proof's points is infinity"
    ]
  },
  {
    "inputs": [
      [
        "terms",
        "uint256"
      ]
    ],
    "name": "TermCountOutOfRange",
    "selector": "0x098094bf",
    "sentences": [
      "{terms} points in a proof, expected 1 to 4096"
    ]
  },
  {
    "inputs": [
      [
        "threshold",
        "int16"
      ]
    ],
    "name": "ThresholdOutOfRange",
    "selector": "0x067632c2",
    "sentences": [
      "a threshold of {threshold}, expected 1 to 16384"
    ]
  },
  {
    "inputs": [
      [
        "poolId",
        "bytes32"
      ],
      [
        "found",
        "uint256"
      ]
    ],
    "name": "TooFewObservations",
    "selector": "0x9610b882",
    "sentences": [
      "pool {poolId} has {found} notes of its price, a fee takes 9"
    ]
  },
  {
    "inputs": [
      [
        "to",
        "address"
      ],
      [
        "amount",
        "uint256"
      ]
    ],
    "name": "TransferFailed",
    "selector": "0x1c43b976",
    "sentences": [
      "{to} does not take the {amount} wei; withdraw them to another address"
    ]
  },
  {
    "inputs": [
      [
        "length",
        "uint256"
      ]
    ],
    "name": "UnalignedArgument",
    "selector": "0x34fe6023",
    "sentences": [
      "a call argument of {length} bytes, expected a multiple of 32"
    ]
  },
  {
    "inputs": [
      [
        "index",
        "uint256"
      ],
      [
        "value",
        "uint256"
      ]
    ],
    "name": "ValueNotCanonical",
    "selector": "0x350a395d",
    "sentences": [
      "public value {index} is {value:hex}, not below the scalar field's order"
    ]
  },
  {
    "inputs": [
      [
        "value",
        "int256"
      ],
      [
        "decimals",
        "uint8"
      ],
      [
        "scale",
        "int8"
      ]
    ],
    "name": "ValueOutOfRange",
    "selector": "0x161a9bc4",
    "sentences": [
      "the value {value} with {decimals} decimals does not fit the model's input at scale {scale}"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ],
      [
        "expected",
        "bytes32"
      ],
      [
        "found",
        "bytes32"
      ]
    ],
    "name": "VerifierCodeChanged",
    "selector": "0xaa1b7093",
    "sentences": [
      "the code of the generated verifier at {verifier} is not the code it had: hash {found}, expected {expected}; do not rely on it"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ]
    ],
    "name": "VerifierWithoutCode",
    "selector": "0x5e324f0e",
    "sentences": [
      "no contract at the generated verifier's address {verifier}"
    ]
  },
  {
    "inputs": [
      [
        "nullifier",
        "uint256"
      ]
    ],
    "name": "VotedBefore",
    "selector": "0xbf204512",
    "sentences": [
      "the credential of nullifier {nullifier:id} has voted"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ]
    ],
    "name": "WeightProofNotExpected",
    "selector": "0x3132e02b",
    "sentences": [
      "every inference that {verifier} verifies shows that the weights are in range: register the model without a commitment proof"
    ]
  },
  {
    "inputs": [
      [
        "weightVerifier",
        "address"
      ]
    ],
    "name": "WeightProofRequired",
    "selector": "0x3169cfc6",
    "sentences": [
      "inferences of this model do not show that its weights are in range: register it with the commitment proof (`laminate prove-weights`) that {weightVerifier} checks"
    ]
  },
  {
    "inputs": [
      [
        "verifier",
        "address"
      ],
      [
        "expected",
        "bytes32"
      ],
      [
        "found",
        "bytes32"
      ]
    ],
    "name": "WeightVerifierCodeChanged",
    "selector": "0x9d43bb04",
    "sentences": [
      "the code at the verifier of weights {verifier} has changed: hash {found}, expected {expected}"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroCommitment",
    "selector": "0x51bda03d",
    "sentences": [
      "a program digest or weight commitment of zero; run `laminate commit` and give its commitment"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroIssuer",
    "selector": "0x2a41aa57",
    "sentences": [
      "the issuer is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroLifetime",
    "selector": "0xa018cc3b",
    "sentences": [
      "notes and fees are to be fresh for no block"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroModelVerifier",
    "selector": "0x5e3553ff",
    "sentences": [
      "the verifier is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroOwner",
    "selector": "0x9905827b",
    "sentences": [
      "the owner is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroPayee",
    "selector": "0xe1ee996d",
    "sentences": [
      "the payee is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroPoolManager",
    "selector": "0xbbb5d5a3",
    "sentences": [
      "the pool manager is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroProgramDigest",
    "selector": "0x3d29f8c2",
    "sentences": [
      "the program digest of the weights is zero"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroRecipient",
    "selector": "0xd27b4443",
    "sentences": [
      "the recipient is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroRegistry",
    "selector": "0x4a100d59",
    "sentences": [
      "the registry is the zero address"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroSelector",
    "selector": "0x748f0bbc",
    "sentences": [
      "a selector of zero names no route"
    ]
  },
  {
    "inputs": [],
    "name": "ZeroVerifier",
    "selector": "0x4a8bdce3",
    "sentences": [
      "the verifier is the zero address"
    ]
  }
] as const;
