# ingest, always on: one small machine with Kafka and Vector beside it, or, where the stream is
# Kinesis, a container of Fargate for each exchange. Only `query` can connect to the machine (live.tf),
# and nobody to a container.

locals {
  # Kafka and Vector need a machine; Kinesis needs none.
  machine = var.stream == "kinesis" ? 0 : 1
  # Where Kafka is MSK's, the machine has no data of its own.
  kafka_disk = var.stream == "kafka" ? 1 : 0

  images = {
    kafka  = "apache/kafka:4.1.2"
    vector = "timberio/vector:0.57.0-alpine"
    ingest = "${local.registry}:${var.ingest_image_tag}"
  }

  # A log group for each container: /tickfold/ingest, and so on.
  containers  = toset(concat(["ingest"], local.machine == 1 ? ["vector"] : [], local.kafka_disk == 1 ? ["kafka"] : []))
  own_brokers = { ingest = "127.0.0.1:9092", vector = "127.0.0.1:9092" }

  # What ingest writes to, where that is Kafka.
  kinds  = var.books ? ["trades", "books"] : ["trades"]
  topics = [for pair in setproduct(var.feeds[*].exchange, local.kinds) : join(".", pair)]

  # Where ingest tells of this moment, inside the VPC; live.tf says who may ask.
  live_port = 9101
}

resource "aws_cloudwatch_log_group" "containers" {
  #checkov:skip=CKV_AWS_158:Logs hold no secret and no price that is not public; CloudWatch encrypts them with its own key.
  #checkov:skip=CKV_AWS_338:How long logs are worth their price is the user's choice, var.log_days.
  for_each = local.containers

  name              = "/${local.name}/${each.key}"
  retention_in_days = var.log_days
}

# AWS keeps the number of its newest Amazon Linux here.
data "aws_ssm_parameter" "machine_image" {
  count = local.machine

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

module "user_data" {
  count  = local.machine
  source = "./ingest"

  region      = var.region
  dns_suffix  = data.aws_partition.current.dns_suffix
  images      = local.images
  log_group   = "/${local.name}"
  bucket      = aws_s3_bucket.trades.id
  feeds       = var.feeds
  books       = var.books
  spreads     = var.spreads
  topics      = local.topics
  live_port   = local.live_port
  local_kafka = var.stream == "kafka"
  volume_id   = one(aws_ebs_volume.kafka[*].id)
  brokers     = var.stream == "kafka" ? local.own_brokers : local.msk_brokers
  partition   = { count = var.kafka_partitions, retention_minutes = var.kafka_retention_minutes }
}

# Lines that are not in S3 yet, and Vector's place among them: they outlive the machine, so that a
# new image or another size loses nothing that was acknowledged.
resource "aws_ebs_volume" "kafka" {
  #checkov:skip=CKV_AWS_189:Public market data for an hour: AWS's own key is enough, and one of KMS costs $1 a month.
  count = local.kafka_disk

  availability_zone = "${var.region}${var.zones[0]}"
  type              = "gp3"
  size              = var.kafka_gigabytes
  encrypted         = true

  tags = { Name = "${local.name}-kafka" }
}

resource "aws_volume_attachment" "kafka" {
  count = local.kafka_disk

  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.kafka[0].id
  instance_id = aws_instance.ingest[0].id
  # It is written to until the machine stands still.
  stop_instance_before_detaching = true
}

resource "aws_instance" "ingest" {
  #checkov:skip=CKV_AWS_88:Exchanges are on the internet, and an address is a tenth of a NAT gateway; nothing on the internet can connect.
  #checkov:skip=CKV_AWS_126:What alarms need comes every five minutes without it.
  #checkov:skip=CKV_AWS_135:Every t4g is optimised for EBS by itself.
  count = local.machine

  ami                         = data.aws_ssm_parameter.machine_image[0].value
  instance_type               = var.ingest_machine
  subnet_id                   = local.public_subnet_ids[0]
  associate_public_ip_address = true
  private_ip                  = local.ingest_address
  vpc_security_group_ids      = [aws_security_group.ingest.id]
  iam_instance_profile        = aws_iam_instance_profile.ingest[0].name
  ebs_optimized               = true
  # Compressed: as it is, it would be near the 16 KB that EC2 takes. cloud-init unpacks it.
  user_data_base64            = base64gzip(module.user_data[0].user_data)
  user_data_replace_on_change = true

  # Tokens only, and none for who is one step away from this machine.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # What it costs is what it says: beyond its share of the processor it gets slower, not dearer.
  credit_specification {
    cpu_credits = "standard"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 8
    encrypted   = true
  }

  tags = { Name = "${local.name}-ingest" }

  # Another image of Amazon Linux is no reason to stop listening: `terraform apply -replace` takes it.
  lifecycle {
    ignore_changes = [ami]
  }
}

resource "aws_iam_instance_profile" "ingest" {
  count = local.machine

  name = "${local.name}-ingest"
  role = aws_iam_role.machine[0].name
}

resource "aws_iam_role" "machine" {
  count = local.machine

  name        = "${local.name}-ingest"
  description = "What the machine of ingest may do, and each of its containers."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  #checkov:skip=CKV_AWS_355:Session and Registry name everything, since AWS knows no resource for these actions.
  #checkov:skip=CKV_AWS_290:The same.
  count = local.machine

  name = "ingest"
  role = aws_iam_role.machine[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Objects"
          Effect   = "Allow"
          Action   = ["s3:PutObject"]
          Resource = ["${aws_s3_bucket.trades.arn}/raw/*", "${aws_s3_bucket.trades.arn}/dead/*"]
        },
        {
          # Vector asks at its start whether the bucket is there.
          Sid      = "Bucket"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [aws_s3_bucket.trades.arn]
        },
        local.ecr_pull,
        local.ecr_login,
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = [for group in aws_cloudwatch_log_group.containers : "${group.arn}:log-stream:*"]
        },
        {
          # A shell by Session Manager, the only way in. These have no resource.
          Sid    = "Session"
          Effect = "Allow"
          Action = [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
          ]
          Resource = "*"
        },
      ],
      local.msk_statements,
    )
  })
}

# For a person with the database's own tools, through a forwarded port of the machine.
resource "aws_vpc_security_group_egress_rule" "ingest_to_database" {
  count = var.machine_reaches_database ? local.machine : 0

  security_group_id            = aws_security_group.ingest.id
  description                  = "The database, for who has a session on the machine."
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_ingest" {
  count = var.machine_reaches_database ? local.machine : 0

  security_group_id            = aws_security_group.database.id
  description                  = "Who has a session on the machine of ingest."
  referenced_security_group_id = aws_security_group.ingest.id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}
