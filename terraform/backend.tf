# Where the state is kept: in a bucket of yours, which `make deploy` names and locks. It holds no
# password, but whoever may write it may change the stack.

terraform {
  backend "s3" {
    key          = "tickfold.tfstate"
    use_lockfile = true
  }
}
