"""AWS Glue, Lake Formation, S3 and STS as the company has them: moto's server behind what moto lacks."""
