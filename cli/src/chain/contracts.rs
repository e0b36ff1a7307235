//! The contracts as this crate calls them: constructors, functions and events.
//!
//! Written by hand after `contracts/src/`, so that the binary builds without the Solidity compiler; a test compares
//! the errors with the sources, and the end-to-end tests call every function here on compiled contracts.

#![expect(
    clippy::too_many_arguments,
    reason = "generated: one argument a field of an event"
)]

use alloy::sol;

sol! {
    /// A registered model. Everything but `retired` is fixed at registration.
    #[derive(Debug, PartialEq, Eq)]
    struct Model {
        bytes32 programDigest;
        bytes32 weightCommitment;
        bytes32 metadataHash;
        bytes32 verifierCodeHash;
        address verifier;
        bool retired;
        address owner;
        uint64 registeredAt;
    }

    /// A route of a router; state 1 is open.
    #[derive(Debug, PartialEq, Eq)]
    struct Route {
        address verifier;
        uint8 state;
        bytes32 codeHash;
    }

    /// An escrowed payment.
    #[derive(Debug, PartialEq, Eq)]
    struct Payment {
        address payer;
        uint64 deadline;
        int16 threshold;
        uint8 state;
        address payee;
        uint96 amount;
        uint256 modelId;
        bytes32 inputCommitment;
    }

    /// Verifier of one circuit: one program, any weights.
    contract InferenceVerifier {
        constructor(address verifier, uint256 outputs, uint256 halo2ProofLength, uint256 terms, address weights);

        function halo2Verifier() external view returns (address);
        function weightVerifier() external view returns (address);
        function outputCount() external view returns (uint256);
        function proofLength() external view returns (uint256);
        function verify(
            bytes32 programDigest,
            bytes32 weightCommitment,
            bytes32 inputCommitment,
            bytes calldata output,
            bytes calldata proof
        ) external view;
    }

    /// Verifier of the commitment proofs of one program's weights.
    contract WeightVerifier {
        constructor(address verifier, bytes32 weightProgramDigest, uint256 halo2ProofLength, uint256 terms);

        function halo2Verifier() external view returns (address);
    }

    /// Verifier of the statements of all circuits.
    contract UniversalVerifier {
        constructor(address verifier, uint256 keyLength, uint256 halo2ProofLength);

        function halo2Verifier() external view returns (address);
        function selector() external view returns (bytes4);
        function programDigestOf(bytes calldata verifyingKey, bytes32 circuitDigest) external view returns (bytes32);
    }

    /// What sends proofs to the verifier that their first word names.
    contract VerifierRouter {
        constructor(address firstOwner);

        function owner() external view returns (address);
        function addRoute(bytes4 selector, address verifier) external;
        function removeRoute(bytes4 selector) external;
        function getRoute(bytes4 selector) external view returns (Route memory);
        function routeCount() external view returns (uint256);
        function selectorAt(uint256 index) external view returns (bytes4);
    }

    /// A model's verifier that leaves its proofs to a verifier of statements.
    contract RoutedVerifier {
        constructor(address verifier, uint256 outputs, address weights);

        function statementVerifier() external view returns (address);
    }

    /// The same for commitment proofs.
    contract RoutedWeightVerifier {
        constructor(address verifier, bytes32 weightProgramDigest);

        function statementVerifier() external view returns (address);
    }

    /// Append-only registry of models and of the inferences proven of them.
    contract ModelRegistry {
        #[derive(Debug)]
        event ModelRegistered(
            uint256 indexed modelId,
            address indexed owner,
            bytes32 programDigest,
            bytes32 weightCommitment,
            address verifier,
            bytes32 metadataHash
        );
        #[derive(Debug)]
        event ModelRetired(uint256 indexed modelId, address indexed owner);
        #[derive(Debug)]
        event InferenceVerified(
            uint256 indexed modelId,
            bytes32 indexed inputCommitment,
            bytes32 indexed statementHash,
            address caller,
            bytes output
        );

        function registerModel(bytes32 programDigest, bytes32 weightCommitment, address verifier, bytes32 metadataHash)
            external returns (uint256 modelId);
        function registerModelWithWeightProof(
            bytes32 programDigest,
            bytes32 weightCommitment,
            address verifier,
            bytes32 metadataHash,
            bytes32 inputCommitment,
            bytes calldata weightProof
        ) external returns (uint256 modelId);
        function retireModel(uint256 modelId) external;
        function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
            external view returns (bytes32 statementHash);
        function submit(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
            external returns (bytes32 statementHash);
        function isSubmitted(bytes32 statementHash) external view returns (bool);
        function hashStatement(uint256 modelId, bytes32 inputCommitment, bytes calldata output)
            external view returns (bytes32);
        function modelIdOf(
            address owner,
            bytes32 programDigest,
            bytes32 weightCommitment,
            address verifier,
            bytes32 metadataHash
        ) external view returns (uint256);
        function getModel(uint256 modelId) external view returns (Model memory);
        function modelCount() external view returns (uint256);
    }

    /// Example application: a payment that settles only with a proven score below its threshold.
    contract FraudScreen {
        #[derive(Debug)]
        event PaymentCreated(
            uint256 indexed paymentId,
            address indexed payer,
            address indexed payee,
            uint256 modelId,
            bytes32 inputCommitment,
            uint256 amount,
            int16 threshold,
            uint64 deadline
        );
        #[derive(Debug)]
        event PaymentSettled(uint256 indexed paymentId, bytes32 indexed statementHash, int256 score);

        constructor(address registry);

        function registry() external view returns (address);
        function createPayment(
            address payee,
            uint256 modelId,
            bytes32 inputCommitment,
            int16 threshold,
            uint64 deadline
        ) external payable returns (uint256 paymentId);
        function settle(uint256 paymentId, bytes calldata output, bytes calldata proof) external;
        function refund(uint256 paymentId) external;
        function withdraw(address to) external returns (uint256 amount);
        function balanceOf(address account) external view returns (uint256);
        function getPayment(uint256 paymentId) external view returns (Payment memory);
    }

    /// Roots of an issuer's trees of credentials.
    contract CredentialRoots {
        constructor(address issuer, uint64 grace);

        function issuer() external view returns (address);
        function grace() external view returns (uint64);
        function latest() external view returns (uint256);
        function validUntil(uint256 root) external view returns (uint64);
        function isValid(uint256 root) external view returns (bool);
        function post(uint256 root, uint256 leaves, uint64 end, string calldata uri) external;
        function revoke(uint256 root) external;
    }

    /// Example application: an anonymous poll of those whom a model finds eligible.
    contract EligibilityPoll {
        constructor(
            address registry,
            uint256 modelId,
            address roots,
            uint256 choices,
            int16 leastOutput,
            uint64 deadline
        );

        function vote(
            uint256 choice,
            address sender,
            bytes32 inputCommitment,
            bytes calldata output,
            bytes calldata proof
        ) external;
        function scope() external view returns (uint256);
        function contextOf(address sender, uint256 choice) external view returns (uint256);
        function votes(uint256 choice) external view returns (uint256);
        function voted(uint256 nullifier) external view returns (bool);
    }

    /// A pool, as its manager names it.
    #[derive(Debug)]
    struct PoolKey {
        address currency0;
        address currency1;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    /// A swap, of which the hook looks at nothing.
    #[derive(Debug)]
    struct SwapParams {
        bool zeroForOne;
        int256 amountSpecified;
        uint160 sqrtPriceLimitX96;
    }

    /// What a fee hook is held by.
    #[derive(Debug)]
    struct FeeRules {
        uint256 modelId;
        int8 inputScale;
        int8 outputScale;
        uint24 leastFee;
        uint24 mostFee;
        uint24 baseFee;
        uint32 lifetime;
    }

    /// Example application: a pool's fee by a proven model on what the pool itself did.
    contract FeeHook {
        constructor(address manager, address lens, address models, FeeRules rules);

        function afterInitialize(address sender, PoolKey key, uint160 sqrtPriceX96, int24 tick) external returns (bytes4);
        function beforeSwap(address sender, PoolKey key, SwapParams params, bytes hookData)
            external
            returns (bytes4, int256, uint24);
        function setFee(bytes32 poolId, bytes32 inputCommitment, bytes output, bytes proof) external returns (uint24);
        function commit(bytes32 poolId) external returns (bytes32);
        function setCommittedFee(bytes32 poolId, bytes32 inputCommitment, bytes output, bytes proof)
            external
            returns (uint24);
        function feeOf(bytes32 poolId) external view returns (uint24);
        function observationsOf(bytes32 poolId) external view returns (int256[] memory);
    }
}
