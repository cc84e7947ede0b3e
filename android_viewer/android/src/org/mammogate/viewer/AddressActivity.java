package org.mammogate.viewer;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.text.InputType;
import android.view.View;
import android.view.WindowManager;
import android.widget.Button;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.TextView;

/** Asks once for the gateway's address, where none is built in. */
public final class AddressActivity extends Activity implements View.OnClickListener {
    /** Set by who wants the answer itself and not the viewer. */
    static final String ANSWER_ONLY = "org.mammogate.viewer.ANSWER_ONLY";

    private EditText typed;
    private TextView problem;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_SECURE);
        TextView question = Screens.text(this, R.string.address_question);
        typed = new EditText(this);
        typed.setId(R.id.address);
        typed.setHint(R.string.address_example);
        typed.setSingleLine(true);
        typed.setInputType(InputType.TYPE_CLASS_TEXT | InputType.TYPE_TEXT_VARIATION_URI);
        question.setLabelFor(R.id.address);
        GatewayAddress known = Site.address(this);
        if (known != null) typed.setText(known.origin());
        problem = Screens.text(this, R.string.nothing);
        problem.setAccessibilityLiveRegion(View.ACCESSIBILITY_LIVE_REGION_POLITE);
        Button go = Screens.button(this, R.string.address_go, this);
        LinearLayout column = Screens.column(this);
        for (View part : new View[] {question, typed, problem, go, Screens.text(this, R.string.research)}) column.addView(part);
        setContentView(column);
    }

    @Override
    public void onClick(View button) {
        GatewayAddress address = GatewayAddress.read(typed.getText().toString());
        if (address == null) {
            problem.setText(R.string.address_wrong);
            return;
        }
        Site.keep(this, address);
        setResult(RESULT_OK);
        if (!getIntent().getBooleanExtra(ANSWER_ONLY, false)) startActivity(new Intent(this, LaunchActivity.class));
        finish();
    }
}
