"""Supabase's Auth and Storage, through its own client. Imported with the first call only: it takes half a second."""
