// Marks where the module begins; a build takes the pins of a version beside it (-modfile).
module sidero-airgap.example/tools/peers/machinery

go 1.26.0
