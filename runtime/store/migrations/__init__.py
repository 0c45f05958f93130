"""What changes the tables of older stores into those of this program; run by Alembic."""
