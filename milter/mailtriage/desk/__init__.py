"""What happens after Postfix has committed a mail: it is remembered, and its writer hears of it."""
