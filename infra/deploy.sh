#!/bin/sh
# Puts tickfold into an AWS account with Terraform and Docker, or takes it out. It builds no
# function, `make package` does, and decides nothing about the stack, which is in terraform/.
#
#   infra/deploy.sh check     whether what the others need is there
#   infra/deploy.sh apply     the state's bucket, the image of ingest, then everything else
#   infra/deploy.sh plan      what an apply would change of the stack: 0 is nothing, 2 is something
#   infra/deploy.sh destroy   everything but the state's bucket
#
# STATE is the bucket of Terraform's state, REGION where everything is, PROFILE a .tfvars file of
# terraform/. Credentials are the AWS SDK's own: AWS_PROFILE, AWS_ACCESS_KEY_ID, and so on.
set -eu
cd "$(dirname "$0")/.."

: "${REGION:=us-east-1}" "${PROFILE:=minimal}" "${STATE:=}"
export AWS_REGION="$REGION" AWS_DEFAULT_REGION="$REGION"
# What is built before; the same for Terraform.
: "${TF_VAR_artifacts_dir:=${CARGO_TARGET_DIR:-$PWD/target}/lambda}"
export TF_VAR_artifacts_dir
authorities=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem

say() { echo "tickfold $*" >&2; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Whoever has Docker needs no AWS CLI: then it runs in its own image, with the same credentials.
cli() {
    if has aws; then aws "$@"; return; fi
    docker run --rm --volume "$HOME/.aws:/root/.aws:ro" --env AWS_PROFILE --env AWS_REGION \
        --env AWS_DEFAULT_REGION --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY \
        --env AWS_SESSION_TOKEN public.ecr.aws/aws-cli/aws-cli "$@"
}

# The same variables for every command: a plan with others would be another stack.
stack() {
    verb=$1
    shift
    # Terraform reads the user's own file by itself, but a named one counts for more.
    [ ! -f terraform/terraform.tfvars ] || set -- "$@" -var-file=terraform.tfvars
    terraform -chdir=terraform "$verb" -var-file="$PROFILE.tfvars" "$@" \
        -var="region=$REGION" -var="ingest_image_tag=$tag"
}

check() {
    [ -n "$STATE" ] || die "needs STATE, a bucket for Terraform's state:" \
        "make deploy STATE=my-bucket (it is made if it is not there; no other may have its name)"
    [ -f "terraform/$PROFILE.tfvars" ] || die "has no terraform/$PROFILE.tfvars: PROFILE=minimal?"
    has terraform ||
        die "needs Terraform >= 1.10: https://developer.hashicorp.com/terraform/install"
    has curl || die "needs curl (for the authorities that vouch for RDS)"
    has docker || die "needs Docker: https://docs.docker.com/engine/install"
    cli sts get-caller-identity >/dev/null || die "has no credentials for AWS: set AWS_PROFILE," \
        "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
}

# A version of the state for each change of the stack, and nobody else may read it: S3's default.
state() {
    if ! cli s3api head-bucket --bucket "$STATE" >/dev/null 2>&1; then
        say "makes the bucket $STATE for Terraform's state"
        # The one region that S3 does not want to be told.
        [ "$REGION" = us-east-1 ] && where='' ||
            where="--create-bucket-configuration LocationConstraint=$REGION"
        # shellcheck disable=SC2086 # two words or none
        cli s3api create-bucket --bucket "$STATE" $where >/dev/null
        cli s3api put-bucket-versioning --bucket "$STATE" \
            --versioning-configuration Status=Enabled
    fi
    terraform -chdir=terraform init -input=false -reconfigure \
        -backend-config="bucket=$STATE" -backend-config="region=$REGION"
}

# Who vouches for RDS, as the layer that the functions find at /opt.
certificates() {
    folder=$TF_VAR_artifacts_dir/certificates
    [ ! -f "$folder/layer.zip" ] || return 0
    mkdir -p "$folder"
    curl --fail --silent --show-error --location --output "$folder/global-bundle.pem" \
        "$authorities" ||
        die "cannot load $authorities"
    if has zip; then
        zip --quiet --junk-paths "$folder/layer.zip" "$folder/global-bundle.pem"
    else
        python3 -m zipfile -c "$folder/layer.zip" "$folder/global-bundle.pem"
    fi
}

# Terraform hashes the functions' files even before it destroys them, and whoever does may have
# built none: those of its own tests do as well, as nothing is uploaded.
nothing_built() {
    TF_VAR_artifacts_dir=$PWD/terraform/tests/artifacts
}

# The image is named after what it is made of: so it is built anew, and the machine that runs it
# replaced, only when that has changed.
image_tag() {
    files="Cargo.toml Cargo.lock rust-toolchain.toml .dockerignore infra/ingest shared/market"
    # shellcheck disable=SC2086 # several names
    find $files -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-12
}

# The machine pulls the image when it starts, so the image has to be there before, and its registry
# before that: the one thing that is made out of turn.
image() {
    if ! terraform -chdir=terraform state list aws_ecr_repository.ingest 2>/dev/null |
        grep -q .; then
        say "makes the registry of the image first; all else follows"
        stack apply -target=aws_ecr_repository.ingest
    fi
    # Of the last deployment, so without its tag.
    registry=$(terraform -chdir=terraform output -raw registry)
    registry=${registry%:*}
    cli ecr get-login-password | docker login --username AWS --password-stdin "${registry%%/*}"
    if docker manifest inspect "$registry:$tag" >/dev/null 2>&1; then
        say "has the image $tag already"
        return
    fi
    docker build --platform linux/arm64 --file infra/ingest/Dockerfile --tag "$registry:$tag" .
    docker push "$registry:$tag"
}

usage="usage: infra/deploy.sh check|apply|plan|destroy"

# A function, so that all of it is read before anything runs: the file may change meanwhile.
main() {
    [ $# -eq 1 ] || die "$usage"
    check
    tag=$(image_tag)
    case $1 in
        check) ;;
        apply) certificates; state; image; stack apply ;;
        plan) certificates; state; stack plan -detailed-exitcode ;;
        destroy) nothing_built; state; stack destroy ;;
        *) die "$usage" ;;
    esac
    exit
}

main "$@"
